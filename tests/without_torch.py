"""A normalcy command in a process of its own in which PyTorch cannot be imported, as where it is not installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

BLOCKED = ("torch", "lightning", "pytorch_lightning", "torchmetrics")
SCRIPT = """
import json, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
from normalcy.cli import main
try: main({argv!r})
except SystemExit as e: code = e.code
loaded = [m for m in sys.modules if m.partition(".")[0] in {blocked!r}]
print(json.dumps({{"code": code, "loaded": loaded}}))
"""


def normalcy_without_torch(*argv: str | Path) -> tuple[int, str]:
    """(exit code, stderr). Asserts that nothing of PyTorch was loaded."""
    script = SCRIPT.format(blocked=BLOCKED, argv=[str(a) for a in argv])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["loaded"] == []
    return int(said["code"]), done.stderr
