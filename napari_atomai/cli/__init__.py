"""The command line ``napari-atomai``: find, open, samples, doctor. No napari or Qt except in ``open``."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from types import FrameType

from napari_atomai.cli.parser import build_parser, parse
from napari_atomai.errors import AtomAIError, BadOption, UnknownOption

FINE = 0
"""Everything was done."""
FAILED = 1
"""Something could not be done; the sentences on stderr say what."""
USAGE = 2
"""The command was not understood; nothing was done."""
INTERRUPTED = 130
"""Stopped by Ctrl-C (or SIGTERM); what was finished before is kept, nothing is half written."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program's name; those of the process by default.

    Returns
    -------
    int
        0: all fine, 1: something failed, 2: usage, 130: interrupted.
    """
    _speak_any_alphabet()
    try:
        args = parse(build_parser(), sys.argv[1:] if argv is None else list(argv))
    except SystemExit as end:  # argparse has said what it had to say
        return end.code if isinstance(end.code, int) else USAGE
    return _guarded(_COMMANDS[args.command], args)


def _find(args: argparse.Namespace) -> int:
    from napari_atomai.cli.find import run

    # Not around `open`: an exception raised inside Qt's event loop does not end the window.
    before = _on_terminate(_interrupt)
    try:
        return run(args)
    finally:
        _on_terminate(before)


def _open(args: argparse.Namespace) -> int:
    from napari_atomai.cli.window import check_screen

    check_screen(args.files)
    # The one place where the command line reaches for napari and Qt.
    from napari_atomai.plugin import demo
    from napari_atomai.simulate.samples import SAMPLES

    if args.sample in SAMPLES:
        demo.show(args.sample)
    elif args.sample:
        from napari_atomai.files import registry

        demo.open_files([registry.fetch(args.sample)])
    else:
        demo.open_files(args.files)
    return FINE


def _samples(_args: argparse.Namespace) -> int:
    from napari_atomai.files.registry import describe
    from napari_atomai.simulate.samples import SAMPLES

    for name in SAMPLES:
        sys.stdout.write(f"{name:28}  {'simulated':>9}  {'MIT':13} comes with the package\n")
    for row in describe():
        place = " (here already)" if row.cached else ""
        sys.stdout.write(f"{row.name:28}  {row.size:>9}  {row.licence:13} {row.title}{place}\n")
    return FINE


def _doctor(args: argparse.Namespace) -> int:
    from napari_atomai import doctor

    findings = doctor.examine()
    shown = [f for f in findings if f.state != "ok"] if args.quiet else findings
    sys.stdout.write(doctor.as_json(findings) if args.json else doctor.as_text(shown))
    return FAILED if doctor.worst(findings) == "fail" else FINE


def _imspec(args: argparse.Namespace) -> int:
    from napari_atomai.cli.imspec import run

    return run(args)


def _segment(args: argparse.Namespace) -> int:
    from napari_atomai.cli.segment import run

    before = _on_terminate(_interrupt)
    try:
        return run(args)
    finally:
        _on_terminate(before)


def _learn(args: argparse.Namespace) -> int:
    import importlib

    before = _on_terminate(_interrupt)
    try:
        result: int = importlib.import_module(f"napari_atomai.cli.{args.command}").run(args)
        return result
    finally:
        _on_terminate(before)


def _structure(args: argparse.Namespace) -> int:
    from napari_atomai.cli import rings, structure

    before = _on_terminate(_interrupt)
    try:
        return {"rings": rings.run, "export": structure.export, "relax": structure.relax}[args.command](args)
    finally:
        _on_terminate(before)


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "find": _find,
    "im2spec": _imspec,
    "spec2im": _imspec,
    "train": _learn,
    "elit": _learn,
    "replay": _learn,
    "components": _learn,
    "unmix": _learn,
    "local_order": _learn,
    "lattice": _learn,
    "latent": _learn,
    "movie": _learn,
    "rings": _structure,
    "export": _structure,
    "relax": _structure,
    "open": _open,
    "samples": _samples,
    "segment": _segment,
    "doctor": _doctor,
}


def _guarded(command: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    try:
        return command(args)
    except AtomAIError as error:
        if args.verbose:
            traceback.print_exc()
        sys.stderr.write(f"napari-atomai: {error}\n")
        return USAGE if isinstance(error, BadOption | UnknownOption) else FAILED
    except KeyboardInterrupt:
        sys.stderr.write("\nnapari-atomai: stopped; nothing is half written.\n")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away (| head)
        sys.stdout = None  # so that the interpreter does not try to flush it at exit
        return FAILED


def _on_terminate(
    handler: Callable[[int, FrameType | None], object] | int | None,
) -> Callable[[int, FrameType | None], object] | int | None:
    """Batch systems end jobs with SIGTERM: clean up as after Ctrl-C. Only the main thread may."""
    try:
        return signal.signal(signal.SIGTERM, handler)
    except (ValueError, TypeError):
        return None


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _speak_any_alphabet() -> None:
    """Write what a narrow terminal encoding lacks as escapes, where it would raise."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
