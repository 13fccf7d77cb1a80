"""The losses, their gradient and the descent in PyTorch 2: a port of the network's half, written from docs/pipeline.md.

::

    python -m audiostyle weights random --format h5 -o weights.h5
    python torch_port.py stages.h5 weights.h5 -o mine.h5
    python -m audiostyle compare stages.h5 mine.h5

It needs torch, numpy, scipy and h5py, and nothing of this repository.  The images come from a stages file,
such as ``numpy_port.py`` or ``audiostyle stages`` writes: ``content/tensor``, ``style/tensor`` and ``image``,
where the losses are measured and a descent starts; without ``image`` that is the noise of a transfer.
``--descend`` goes on from there to a transfer; ``--repeat`` measures how long an evaluation takes.  Both inputs
may be ``.npz`` files with the same names as well.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

BLOCKS = {1: 2, 2: 2, 3: 4, 4: 4, 5: 1}
CONTENT_LAYER = "conv4_2"
STYLE_LAYERS = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CONTENT_WEIGHT, STYLE_WEIGHT, TV_WEIGHT, AC_WEIGHT = 1e-3, 2e5, 1e-8, 1e-9
# Numbers that the authors' code draws before the start image, besides one image.
DRAWN_BEFORE = 20_018_880


def load(path):
    """All arrays of an HDF5 or npz file by name."""
    if Path(path).suffix == ".npz":
        return dict(np.load(path))
    import h5py

    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


class Network(torch.nn.Module):
    """VGG-19 up to conv5_1 with average pooling; returns every activation by its layer's name."""

    def __init__(self, arrays):
        super().__init__()
        self.convolutions = torch.nn.ModuleDict()
        for block, count in BLOCKS.items():
            for index in range(1, count + 1):
                name = f"conv{block}_{index}"
                kernels, biases = (torch.as_tensor(arrays[f"{name}/{kind}"]) for kind in "Wb")
                layer = torch.nn.Conv2d(kernels.shape[1], kernels.shape[0], 3, padding=1)
                layer.load_state_dict({"weight": kernels, "bias": biases})
                self.convolutions[name] = layer
        self.requires_grad_(False)

    def forward(self, image):
        found, x, block = {}, image, "1"
        for name, convolution in self.convolutions.items():
            if name[4] != block:
                x, block = F.avg_pool2d(x, 2), name[4]
            x = found[name] = F.relu(convolution(x))
        return found


def gram(activation):
    matrix = activation[0].flatten(1)
    return matrix @ matrix.T


def power(lines):
    """Power spectrum of lines padded to twice their length: the transform of all their lags, of both signs."""
    spectrum = torch.fft.rfft(lines, n=2 * lines.shape[-1])
    return spectrum.real**2 + spectrum.imag**2


def both_signs(squares):
    """Sum over the frequencies of both signs, of which a real line's spectrum shows one."""
    return 2 * squares.sum(dtype=torch.float64) - squares[..., (0, -1)].sum(dtype=torch.float64)


class Losses(torch.nn.Module):
    """The unweighted losses of an image by name; the targets are measured once.

    Parameters
    ----------
    network : Network
    content, style : torch.Tensor ``(1, 3, height, width)``
    """

    def __init__(self, network, content, style, rowac=True, colac=True):
        super().__init__()
        self.network = network
        with torch.no_grad():
            self.content = network(content)[CONTENT_LAYER]
            at_style = network(style)
            self.grams = {name: gram(at_style[name]) for name in STYLE_LAYERS}
            self.rows, self.columns = power(style), power(style.mT)
        self.weights = {"content": CONTENT_WEIGHT} | {f"style_{name}": STYLE_WEIGHT for name in STYLE_LAYERS}
        self.weights |= {"total_variation": TV_WEIGHT}
        self.weights |= {"row_autocorrelation": AC_WEIGHT * rowac, "column_autocorrelation": AC_WEIGHT * colac}

    def forward(self, image):
        found = self.network(image)
        losses = {"content": 0.5 * (found[CONTENT_LAYER] - self.content).square().sum()}
        for name, target in self.grams.items():
            # Gram matrices are not divided: N channels and M positions stand in the loss.
            scale = 1 / (4 * float(found[name].numel()) ** 2)
            losses[f"style_{name}"] = scale * (gram(found[name]) - target).square().sum().double()
        corner = image[..., :-1, :-1]
        squares = (corner - image[..., 1:, :-1]).square() + (corner - image[..., :-1, 1:]).square()
        losses["total_variation"] = (squares**1.25).sum()
        for name, lines, target in (("row", image, self.rows), ("column", image.mT, self.columns)):
            # By Parseval's theorem the same as a sum over lags, times the length of the transform.
            distance = both_signs((power(lines) - target).square()) / (2 * lines.shape[-1])
            losses[f"{name}_autocorrelation"] = distance / image.numel()
        return losses

    def evaluate(self, image):
        """Return the unweighted losses, their weighted sum, and its gradient for an image."""
        point = image.detach().clone().requires_grad_(True)
        losses = self(point)
        total = sum((self.weights[name] * loss).double() for name, loss in losses.items() if self.weights[name])
        total.backward()
        return losses, total.item(), point.grad


def start_image(shape, seed):
    """Noise as the authors' seed draws it."""
    random = np.random.RandomState(seed)
    random.random_sample(DRAWN_BEFORE + int(np.prod(shape)))
    return random.uniform(-128, 128, shape)


def descend(losses, image, rounds, evaluations=40):
    """Rounds of L-BFGS-B, each from the last point evaluated and with an empty memory; yields image and loss."""
    from scipy.optimize import fmin_l_bfgs_b

    state = {}

    def evaluate(flat):
        point = torch.as_tensor(flat.reshape(image.shape)).to(image)
        _, total, gradient = losses.evaluate(point)
        state.update(image=point, total=total)
        return total, gradient.double().cpu().numpy().ravel()

    for _ in range(rounds):
        fmin_l_bfgs_b(evaluate, state.get("image", image).double().cpu().numpy().ravel(), maxfun=evaluations)
        yield state["image"], state["total"]


def stages(losses, images):
    """What ``audiostyle stages`` writes about an image: losses, gradient and statistics of activations."""
    unweighted, total, gradient = losses.evaluate(images["image"])
    found = {f"losses/{name}": loss.item() for name, loss in unweighted.items()}
    found |= {"losses/total": total, "gradient": gradient.cpu().numpy(), "image": images["image"].cpu().numpy()}
    for source, image in images.items():
        with torch.no_grad():
            for name, x in losses.network(image).items():
                x = x.double()
                values = [x.mean(), x.std(correction=0), x.norm()]
                found[f"features/{source}/{name}"] = np.array([value.item() for value in values])
    return found


def timed(losses, image, repeat):
    """JSON of loss, gradient's norm, and seconds and processor seconds of each of some evaluations."""
    seconds, cpu_seconds = [], []
    for _ in range(repeat):
        start, cpu_start = time.perf_counter(), time.process_time()
        _, total, gradient = losses.evaluate(image)
        gradient = gradient.cpu().numpy()  # waits for a device
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
    norm = float(np.linalg.norm(gradient.astype(np.float64)))
    return json.dumps({"torch": torch.__version__, "loss": total, "gradient_norm": norm, "seconds": seconds,
                       "cpu_seconds": cpu_seconds})  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stages", help="file with content/tensor, style/tensor and perhaps image")
    parser.add_argument("weights", help="file with conv1_1/W, conv1_1/b ... conv5_1/b")
    parser.add_argument("-o", "--output", help="stages file to write")
    parser.add_argument("--float64", action="store_true")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--seed", type=int, default=0, help="of the start image (default: %(default)s)")
    parser.add_argument("--no-ac", action="store_true", help="no autocorrelation in the total")
    parser.add_argument("--descend", type=int, default=0, metavar="ROUNDS", help="descend, and print each round's loss")
    parser.add_argument("--repeat", type=int, default=0, metavar="N", help="time N evaluations and print JSON")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    kind = {"dtype": torch.float64 if options.float64 else torch.float32, "device": options.device}
    given = load(options.stages)
    images = {role: torch.as_tensor(given[f"{role}/tensor"]).to(**kind) for role in ("content", "style")}
    start = given["image"] if "image" in given else start_image(tuple(images["content"].shape), options.seed)
    images["image"] = torch.as_tensor(start).to(**kind)
    network = Network(load(options.weights)).to(**kind)
    ac = not options.no_ac
    losses = Losses(network, images["content"], images["style"], rowac=ac, colac=ac)
    if options.output:
        import h5py

        with h5py.File(options.output, "w") as file:
            file.attrs["float_type"] = "float64" if options.float64 else "float32"
            for name, value in stages(losses, images).items():
                file[name] = value
    for number, (_, total) in enumerate(descend(losses, images["image"], options.descend), 1):
        print(f"round {number}: {total:.6g}", flush=True)
    if options.repeat:
        print(timed(losses, images["image"], options.repeat))


if __name__ == "__main__":
    main()
