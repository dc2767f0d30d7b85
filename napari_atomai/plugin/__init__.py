"""The napari plugin. Only this room imports napari and Qt."""
