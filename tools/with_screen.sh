#!/bin/sh
# Runs a command with a screen: the one that is there, else a virtual one (Xvfb) with software OpenGL.
# Exit status 69 where there is neither.
set -eu
if [ "$(uname -s)" != Linux ] || [ -n "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then exec "$@"; fi
command -v xvfb-run >/dev/null || exit 69
# Nobody sits at a virtual screen who could answer whether work that was left behind shall be opened.
export NAPARI_ATOMAI_AUTOSAVE=${NAPARI_ATOMAI_AUTOSAVE:-}
export LIBGL_ALWAYS_SOFTWARE=1 GALLIUM_DRIVER=llvmpipe QT_QPA_PLATFORM=xcb
exec xvfb-run -a -s "-screen 0 1600x1000x24 +extension GLX" "$@"
