"""The models that ship with the package: weights and card in safetensors files, no code."""
