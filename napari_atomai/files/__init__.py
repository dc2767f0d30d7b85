"""In and out: microscope files, calibration, tables, structures, weights. No torch."""
