"""The package stays light: no torch, and scikit-learn and scipy only where they are used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import normalcy.metrics


def test_importing_every_module_pulls_nothing_heavy() -> None:
    names = sorted(f.stem for f in Path(normalcy.metrics.__path__[0]).glob("[!_]*.py"))
    assert len(names) >= 10
    code = "import sys; " + "; ".join(f"import normalcy.metrics.{n}" for n in names)
    code += "; print([m for m in ('torch', 'sklearn', 'scipy', 'matplotlib', 'cv2', 'av') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
