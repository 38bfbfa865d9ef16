"""Models without PyTorch: the network as a graph for OpenVINO or onnxruntime, what stands behind it in numpy."""
