"""Autoencoders beside AtomAI's and pyroVED's: seconds per epoch, angles, motifs, shifts, classes.

    python benchmarks/autoencoders.py speed --atomai PYTHON --pyroved PYTHON
    python benchmarks/autoencoders.py accuracy --atomai PYTHON --pyroved PYTHON
    python benchmarks/autoencoders.py reconstruct --atomai PYTHON --pyroved PYTHON
    python benchmarks/autoencoders.py encode

PYTHON are interpreters that have the peers. All run on one thread, and CPU seconds are told. The patches show
three motifs (four for the classes) of three or four atoms, turned over the full circle, with noise; what is
found is compared with how they were made. Angles have no zero of their own: the one of each motif is taken
from the median of what is off.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

MOTIFS = (
    ((-8, 0, 1.0), (5, 6, 1.0), (5, -6, 1.5), (0, 0, 0.0)),
    ((-7, -7, 1.0), (-7, 7, 1.0), (7, 0, 1.6), (0, 0, 0.8)),
    ((0, -9, 1.0), (0, 9, 0.6), (6, 3, 1.2), (0, 0, 0.0)),
    ((0, -8, 1.0), (0, 8, 1.3), (-8, 0, 1.0), (8, 0, 0.5)),
)
CHANCE = math.degrees(math.pi / math.sqrt(3))

_PEER = """
import json, os, sys, time, warnings
warnings.filterwarnings("ignore")
import numpy as np, torch
torch.set_num_threads(1)
x = np.load(sys.argv[1]).astype(np.float32)
which, epochs = sys.argv[2], int(sys.argv[3])
low, span = (float(x.min()), float(np.ptp(x))) if sys.argv[5] == "1" else (0.0, 1.0)
x = (x - low) / span


def reconstructed(transform, grid, decoder, latents, prior):
    # As in their own step of training, with the means: neither decodes what it encodes.
    made = []
    for part in torch.split(torch.from_numpy(latents), 100):
        shift = (part[:, 1:3] * prior).unsqueeze(1)
        with torch.no_grad():
            places = transform(grid.expand(len(part), *grid.shape), part[:, 0], shift)
            made.append(decoder(places, part[:, 3:]).reshape(-1, *x.shape[1:]).numpy())
    return np.concatenate(made)


if which == "atomai":
    import atomai as aoi
    model = aoi.models.rVAE(x.shape[1:], latent_dim=2)
    began = time.process_time()
    model.fit(x, training_cycles=epochs, batch_size=100, rotation_prior=np.pi, filename="m")
    seconds = time.process_time() - began
    z = model.encode(x)[0]
    back = reconstructed(aoi.utils.transform_coordinates, model.x_coord, model.decoder_net, z, model.dx_prior)
else:
    import pyroved as pv
    loader = pv.utils.init_dataloader(torch.from_numpy(x), batch_size=100)
    model = pv.models.iVAE(x.shape[1:], latent_dim=2, invariances=["r", "t"], seed=0)
    trainer = pv.trainers.SVItrainer(model)
    began = time.process_time()
    for _ in range(epochs):
        trainer.step(loader)
    seconds = time.process_time() - began
    z = model.encode(torch.from_numpy(x))[0].numpy()
    back = reconstructed(pv.utils.transform_coordinates, model.grid, model.decoder, z, model.t_prior)
left = float((((back - x) * span) ** 2).mean())
np.save(sys.argv[4], z)
sys.stderr.write("TOLD " + json.dumps([seconds, left]))
"""


def patches(
    count: int, kinds: int = 3, *, shift: float = 0.0, size: int = 32, seed: int = 0
) -> tuple[Any, ...]:
    """Return patches (count, size, size), and motif, angle and shift of each."""
    random = np.random.default_rng(seed)
    kind, angle = random.integers(0, kinds, count), random.uniform(-math.pi, math.pi, count)
    moved = shift * random.normal(size=(count, 2))
    spots = np.array(MOTIFS)[kind] * np.array([size / 32, size / 32, 1])
    cosine, sine = np.cos(angle)[:, None], np.sin(angle)[:, None]
    rows = cosine * spots[..., 0] - sine * spots[..., 1] + moved[:, :1]
    columns = sine * spots[..., 0] + cosine * spots[..., 1] + moved[:, 1:]
    axis, width = np.arange(size) - (size - 1) / 2, 2.2 * size / 32
    by_row = np.exp(-((axis - rows[..., None]) ** 2) / (2 * width**2))
    by_column = np.exp(-((axis - columns[..., None]) ** 2) / (2 * width**2))
    clean = np.einsum("ns,nsy,nsx->nyx", spots[..., 2], by_row, by_column)
    return (clean + 0.1 * random.normal(size=clean.shape)).astype(np.float32), kind, angle, moved


def off(found: Any, true: Any, kind: Any) -> Any:
    """Return how far angles are off, in degrees, the zero of each motif apart."""
    result = np.zeros(len(found))
    for motif in np.unique(kind):
        turn = np.exp(1j * (found - true)[kind == motif])
        rest = np.angle(turn / np.exp(1j * np.angle(turn.mean())))
        result[kind == motif] = np.angle(np.exp(1j * (rest - np.median(rest))))
    return np.degrees(result)


def rms(values: Any) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(values**2)))


def recovered(latents: Any, kind: Any) -> float:
    """Return the share of patches whose motif a mixture of Gaussians finds in their latents."""
    from scipy.optimize import linear_sum_assignment
    from sklearn.mixture import GaussianMixture

    count = kind.max() + 1
    found = GaussianMixture(count, n_init=5, random_state=0).fit_predict(latents)
    table = np.zeros((count, count))
    np.add.at(table, (found, kind), 1)
    return float(table[linear_sum_assignment(-table)].sum() / len(kind))


def ours(x: Any, epochs: int, seed: int = 1, **words: Any) -> tuple[Any, float]:
    """Return model and CPU seconds."""
    import torch

    from napari_atomai.models import rVAE

    torch.set_num_threads(1)
    model = rVAE(x.shape[1:], seed=seed, **words)
    began = time.process_time()
    model.fit(x, training_cycles=epochs, seed=seed, device="cpu")
    return model, time.process_time() - began


def theirs(which: str, python: str, x: Any, epochs: int, *, to_one: bool = False) -> tuple[Any, float, float]:
    """Return latents (angle, two shifts, two others), CPU seconds, and the mean square left, of a peer.

    With `to_one` it is given data from 0 to 1; what is left is told in the data's own units.
    """
    with tempfile.TemporaryDirectory() as folder:
        data, result = Path(folder) / "x.npy", Path(folder) / "z.npy"
        np.save(data, x)
        told = subprocess.run(
            [python, "-c", _PEER, str(data), which, str(epochs), str(result), str(int(to_one))],
            check=True,
            capture_output=True,
            text=True,
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        ).stderr
        seconds, left = json.loads(told.rpartition("TOLD ")[2])
        return np.load(result), seconds, left


def say(sentence: str) -> None:
    """Write a line at once."""
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()


def speed(peers: dict[str, str]) -> None:
    """Tell seconds per epoch of 5,000 patches of 32 x 32, with the defaults of each."""
    x = patches(5000, shift=1.0)[0]
    own = {}
    for name, words in (("rVAE, the default", {}), ("rVAE(translation=False)", {"translation": False})):
        ours(x[:1000], 1, **words)  # what is done once is no part of an epoch
        own[name] = min((ours(x, 3, **words)[1] - ours(x, 1, **words)[1]) / 2 for _ in range(3))
        say(f"{name}: {own[name]:.2f} s per epoch")
    for which, python in peers.items():
        part = x[:1000]
        peer = 5 * (theirs(which, python, part, 2)[1] - theirs(which, python, part, 1)[1])
        ratios = ", ".join(f"{peer / value:.0f} times {name}" for name, value in own.items())
        say(f"{which}: {peer:.1f} s per epoch: {ratios}")


def accuracy(peers: dict[str, str], epochs: int = 20) -> None:
    """Tell how well angles, motifs, shifts and classes are found."""
    from napari_atomai.models import jrVAE

    x, kind, angle, _ = patches(5000)
    for seed in range(1, 6):
        model, seconds = ours(x, epochs, seed, translation=False)
        latent = model.encode(x)
        say(
            f"turned, seed {seed}: angle {rms(off(latent.angle, angle, kind)):.2f} deg RMS, "
            f"motif {recovered(latent.mean, kind):.4f}, {seconds:.0f} s"
        )
    x, kind, angle, moved = patches(5000, shift=1.0)
    for seed in range(1, 6):
        model, seconds = ours(x, epochs, seed)
        latent = model.encode(x)
        away = off(latent.angle, angle, kind)
        say(
            f"turned and shifted, seed {seed}: angle {rms(away):.2f} deg RMS (median "
            f"{np.median(abs(away)):.2f}), shift {rms(latent.shift - moved):.2f} px RMS, "
            f"motif {recovered(latent.mean, kind):.4f}, {seconds:.0f} s"
        )
    x, kind, angle, _ = patches(3000, kinds=4)
    for seed in range(1, 6):
        model = jrVAE((32, 32), discrete_dim=[4], translation=False, seed=seed)
        model.fit(x, training_cycles=epochs, seed=seed)
        found = model.encode(x).labels - 1
        purity = sum(np.bincount(kind[found == c]).max() for c in np.unique(found)) / len(kind)
        say(f"four classes, seed {seed}: purity {purity:.4f}, {len(np.unique(found))} used")
    x, kind, angle, moved = patches(1000)
    model, seconds = ours(x, epochs, translation=False)
    latent, left = model.encode(x), float(((model.reconstruct(x) - x) ** 2).mean())
    say(
        f"1,000 patches, {epochs} epochs, here: angle {rms(off(latent.angle, angle, kind)):.2f} deg, motif "
        f"{recovered(latent.mean, kind):.3f}, mean square left {left:.4f}, {seconds:.0f} s"
    )
    say(f"chance: angle {CHANCE:.0f} deg")
    for which, python in peers.items():
        z, seconds, _ = theirs(which, python, x, epochs)
        best = min(rms(off(sign * z[:, 0], angle, kind)) for sign in (1, -1))
        say(f"{which}: angle {best:.1f} deg, motif {recovered(z[:, -2:], kind):.3f}, {seconds:.0f} s")


def reconstruct(peers: dict[str, str], epochs: int = 10) -> None:
    """Tell the mean square that is left of 1,000 turned and shifted patches after equal epochs."""
    x = patches(1000, shift=1.0)[0]
    say(f"1,000 patches, {epochs} epochs: the noise is 0.0100, all that varies {x.var(axis=0).mean():.4f}")
    for seed in range(1, 6):
        model, seconds = ours(x, epochs, seed)
        say(f"here, seed {seed}: {((model.reconstruct(x) - x) ** 2).mean():.4f} left, {seconds:.0f} s")
    for which, python in peers.items():
        for to_one in (False, True):
            _, seconds, left = theirs(which, python, x, epochs, to_one=to_one)
            given = "from 0 to 1" if to_one else "as they are"
            say(f"{which}, data {given}: {left:.4f} left, {seconds:.0f} s")


def encode() -> None:
    """Tell the seconds of encoding 100,000 patches."""
    x = patches(2000, shift=1.0)[0]
    for words in ({"translation": False}, {}):
        model, _ = ours(x, 1, **words)
        many = np.tile(x, (50, 1, 1))
        began, clock = time.process_time(), time.perf_counter()
        model.encode(many)
        spent, passed = time.process_time() - began, time.perf_counter() - clock
        say(f"100,000 patches, {words}: {spent:.1f} CPU s, {passed:.1f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("speed", "accuracy", "reconstruct", "encode"))
    parser.add_argument("--atomai")
    parser.add_argument("--pyroved")
    asked = parser.parse_args()
    known = {name: value for name in ("atomai", "pyroved") if (value := getattr(asked, name))}
    if asked.what == "encode":
        encode()
    else:
        {"speed": speed, "accuracy": accuracy, "reconstruct": reconstruct}[asked.what](known)
