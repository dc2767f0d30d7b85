"""Using trained nets: engines, tiles, the right scale, maps of probability."""
