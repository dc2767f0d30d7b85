#!/bin/sh
# The libraries that Qt and OpenGL need and pip cannot bring (Linux only). Installs them where it may, and
# says exactly what to type where it may not. Never fails: the headless job runs without them.
#   system_libs.sh            what a window needs
#   system_libs.sh --xvfb     and a virtual screen, for tests and screenshots
set -u
[ "$(uname -s)" = Linux ] || exit 0

say() { echo "napari-atomai: $*" >&2; }

# library that must be there : Debian/Ubuntu : Fedora : Arch
table="
libEGL.so.1:libegl1:mesa-libEGL:libglvnd
libGL.so.1:libgl1:mesa-libGL:libglvnd
libxkbcommon.so.0:libxkbcommon0:libxkbcommon:libxkbcommon
libxkbcommon-x11.so.0:libxkbcommon-x11-0:libxkbcommon-x11:libxkbcommon-x11
libxcb-cursor.so.0:libxcb-cursor0:xcb-util-cursor:xcb-util-cursor
libxcb-icccm.so.4:libxcb-icccm4:xcb-util-wm:xcb-util-wm
libxcb-image.so.0:libxcb-image0:xcb-util-image:xcb-util-image
libxcb-keysyms.so.1:libxcb-keysyms1:xcb-util-keysyms:xcb-util-keysyms
libxcb-randr.so.0:libxcb-randr0:libxcb:libxcb
libxcb-render-util.so.0:libxcb-render-util0:xcb-util-renderutil:xcb-util-renderutil
libxcb-shape.so.0:libxcb-shape0:libxcb:libxcb
libxcb-xfixes.so.0:libxcb-xfixes0:libxcb:libxcb
libxcb-xinerama.so.0:libxcb-xinerama0:libxcb:libxcb
libdbus-1.so.3:libdbus-1-3:dbus-libs:dbus
libfontconfig.so.1:libfontconfig1:fontconfig:fontconfig
libglib-2.0.so.0:libglib2.0-0:glib2:glib2
"
if [ -x /sbin/ldconfig ]; then known=$(/sbin/ldconfig -p); else known=$(ldconfig -p 2>/dev/null); fi
missing=
add() { case " $missing " in *" $1 "*) ;; *) missing="$missing $1" ;; esac; }

if command -v apt-get >/dev/null; then
    column=2 how="apt-get install"
elif command -v dnf >/dev/null; then
    column=3 how="dnf install"
else
    column=4 how="pacman -S"
fi
for row in $table; do
    case $known in
        *"${row%%:*} "*) ;;
        *) add "$(echo "$row" | cut -d: -f$column)" ;;
    esac
done
# Software rendering, for machines and virtual screens without a graphics driver.
if [ $column = 2 ]; then
    dpkg-query -W -f '${Status}' libgl1-mesa-dri 2>/dev/null | grep -q "ok installed" || add libgl1-mesa-dri
fi
if [ "${1:-}" = --xvfb ] && ! command -v xvfb-run >/dev/null; then
    case $column in 2) add xvfb ;; 3) add xorg-x11-server-Xvfb ;; 4) add xorg-server-xvfb ;; esac
fi
[ -n "$missing" ] || exit 0

as_root=
[ "$(id -u)" = 0 ] || as_root="sudo -n"
if [ $column = 2 ] && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then
    say "installing what Qt and OpenGL need:$missing"
    # shellcheck disable=SC2086
    $as_root apt-get update -qq >&2 &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2 &&
        exit 0
    say "apt-get could not install them; its message is above."
fi
say "a window needs system libraries that are missing here. To install them, type:"
say "    sudo $how$missing"
exit 0
