"""The same loss and gradient as a PyTorch user would write them: what :mod:`audiostyle` is timed against.

It knows nothing of this package and runs in an environment of its own, so that neither library's
version pins the other's::

    python3 -m venv /tmp/torchvenv
    /tmp/torchvenv/bin/pip install torch==2.13.0 numpy
    /tmp/torchvenv/bin/python benchmarks/pytorch_peer.py tensors.npz --repeat 10

``tensors.npz`` holds ``content``, ``style`` and ``image``, each ``(1, 3, height, width)``, and
``W1, b1 .. W13, b13``, the filters and biases of conv1_1 to conv5_1 (``benchmarks/evaluation.py`` writes it).
The last line of the output is one JSON object: the loss, the gradient's norm, and the seconds and
processor seconds of every repeat.

Written as its users do: the targets are made once under ``no_grad``, the forward pass is shared by all
terms, one ``backward``, the autocorrelation by FFT, all threads (PyTorch's default).
"""

import argparse
import json
import time

import numpy as np
import torch
import torch.nn.functional as F

BLOCKS = ((1, 2), (2, 2), (3, 4), (4, 4), (5, 1))
STYLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CONTENT = "conv4_2"


def features(image, weights):
    found, x, index = {}, image, 0
    for block, count in BLOCKS:
        if block > 1:
            x = F.avg_pool2d(x, 2)
        for number in range(1, count + 1):
            x = F.relu(F.conv2d(x, *weights[index], padding=1))
            found[f"conv{block}_{number}"] = x
            index += 1
    return found


def gram(x):
    x = x.flatten(2)[0]
    return x @ x.T


def autocorrelation(image, dim):
    size = image.shape[dim]
    power = torch.fft.rfft(image, n=2 * size, dim=dim).abs() ** 2
    return torch.fft.irfft(power, n=2 * size, dim=dim)


class Loss(torch.nn.Module):
    def __init__(self, content, style, weights):
        super().__init__()
        self.weights = weights
        with torch.no_grad():
            self.content = features(content, weights)[CONTENT]
            found = features(style, weights)
            self.grams = {name: gram(found[name]) for name in STYLE}
            self.ac = {dim: autocorrelation(style, dim) for dim in (2, 3)}

    def forward(self, image):
        found = features(image, self.weights)
        loss = 1e-3 * 0.5 * ((found[CONTENT] - self.content) ** 2).sum()
        for name, target in self.grams.items():
            _, channels, height, width = found[name].shape
            scale = 1 / (4 * channels**2 * (height * width) ** 2)
            loss = loss + 2e5 * scale * ((gram(found[name]) - target) ** 2).sum()
        across, down = image[..., :-1, :-1] - image[..., :-1, 1:], image[..., :-1, :-1] - image[..., 1:, :-1]
        loss = loss + 1e-8 * ((across**2 + down**2) ** 1.25).sum()
        for dim, target in self.ac.items():
            loss = loss + 1e-9 * ((autocorrelation(image, dim) - target) ** 2).sum() / image[0].numel()
        return loss


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tensors")
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    data = {name: torch.from_numpy(array).to(options.device) for name, array in np.load(options.tensors).items()}
    weights = [(data[f"W{i}"], data[f"b{i}"]) for i in range(1, 14)]
    loss = Loss(data["content"], data["style"], weights)
    seconds, cpu_seconds = [], []
    for _ in range(options.repeat):
        start, cpu_start = time.perf_counter(), time.process_time()
        image = data["image"].clone().requires_grad_(True)
        value = loss(image)
        value.backward()
        total, gradient = value.item(), image.grad.cpu().numpy()
        seconds.append(time.perf_counter() - start)
        cpu_seconds.append(time.process_time() - cpu_start)
    norm = float(np.linalg.norm(gradient.astype("float64")))
    result = {"torch": torch.__version__, "loss": total, "gradient_norm": norm}
    print(json.dumps(result | {"seconds": seconds, "cpu_seconds": cpu_seconds}))


if __name__ == "__main__":
    main()
