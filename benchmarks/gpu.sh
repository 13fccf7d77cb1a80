#!/bin/sh
# The paper's experiment on a GPU, in one call, on a machine that has a driver and a compiler and nothing else.
#
# On any Debian 12 with this repository's .venv (make test makes it), network and clips:
#     benchmarks/gpu.sh pack BUNDLE CONTENT STYLE WEIGHTS
# On the machine with the GPU, with BUNDLE and this repository copied there:
#     benchmarks/gpu.sh run BUNDLE OUT [DEVICE]
#
# pack fetches Debian's Python 3.11 with pygpu and libgpuarray, the wheels, and NVRTC and cuBLAS 11.8; with
# CUDA=machine in the environment it leaves those two out (440 MB), and run takes what the machine has.
# run prints what doctor says, measures the device (DEVICE, else cuda), the CPU for comparison and, where
# python3 has PyTorch, that on the same card, and leaves everything in OUT.  pack with DURATION=1 (seconds) and run with ROUNDS=1 make a short trial of it.
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)

say() {
    echo "gpu.sh: $*" >&2
}

pack() {
    bundle=$1
    mkdir -p "$bundle/debs" "$bundle/wheels"
    bundle=$(cd "$bundle" && pwd)
    say "fetching Debian's Python 3.11, pygpu and libgpuarray"
    (cd "$bundle/debs" && apt-get -qq download python3.11 python3.11-minimal libpython3.11 libpython3.11-minimal \
        libpython3.11-stdlib libpython3.11-dev python3-distutils python3-lib2to3 libgpuarray3 libgpuarray-dev \
        python3-pygpu python3-mako python3-markupsafe)
    say "fetching the wheels"
    # Only what the network needs: the audio stages are done here.
    grep -iE '^(numpy|scipy|theano|lasagne|six|setuptools|threadpoolctl)==' "$here/requirements.txt" |
        sed 's/[ \\]*$//' > "$bundle/requirements.txt"
    "$here/.venv/bin/python" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$bundle/wheels" \
        -r "$bundle/requirements.txt"
    [ "${CUDA:-}" = machine ] ||
        "$here/.venv/bin/python" -m pip wheel --quiet --no-deps --wheel-dir "$bundle/wheels" \
            -r "$here/docker/requirements-cuda.txt"
    say "preparing the clips and the weights"
    cd "$here"
    .venv/bin/python -m benchmarks.gpu prepare "$2" "$3" "$4" "$bundle/problem.npz" --duration "${DURATION:-10}"
    say "$bundle holds $(du -sh "$bundle" | cut -f1)"
}

# Puts NVRTC and cuBLAS, from the bundle or else from the machine, into $1 under the names libgpuarray opens.
link_cuda() {
    python3=$(command -v python3 || echo false)
    wheels=$("$python3" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])' 2> /dev/null || true)
    for library in libnvrtc libcublas libcublasLt libnvrtc-builtins; do
        for folder in "$site"/nvidia/*/lib /usr/local/cuda/lib64 "$wheels"/nvidia/*/lib /usr/lib/x86_64-linux-gnu; do
            for file in "$folder/$library".so.*; do
                [ -e "$file" ] || continue
                ln -sf "$file" "$1/"
                ln -sf "$file" "$1/$library.so"
                break 2
            done
        done
    done
    # A driver whose library has no unversioned name.
    driver=$(ldconfig -p 2> /dev/null | sed -n 's/.*libcuda\.so\.1 (.*x86-64.* => //p' | head -n 1)
    if [ -n "$driver" ]; then
        ln -sf "$driver" "$1/libcuda.so"
    fi
}

run() {
    bundle=$(cd "$1" && pwd)
    mkdir -p "$2"
    out=$(cd "$2" && pwd)
    device=${3:-cuda}
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    root=$work/root site=$work/site
    mkdir "$root" "$site" "$work/cuda"
    say "unpacking"
    for package in "$bundle"/debs/*.deb; do
        dpkg-deb -x "$package" "$root"
    done
    python=$root/usr/bin/python3.11
    export PYTHONHOME="$root/usr" LD_LIBRARY_PATH="$root/usr/lib/x86_64-linux-gnu:$root/usr/lib"
    for wheel in "$bundle"/wheels/*.whl; do
        "$python" -m zipfile -e "$wheel" "$site"
    done
    for package in pygpu mako markupsafe; do
        ln -s "$root/usr/lib/python3/dist-packages/$package" "$site/"
    done
    (unset PYTHONHOME LD_LIBRARY_PATH && link_cuda "$work/cuda")
    export PYTHONPATH="$here:$site" LD_LIBRARY_PATH="$work/cuda:$LD_LIBRARY_PATH${LD_PATH:+:$LD_PATH}"
    # Theano compiles against this Python's and libgpuarray's headers, and links to their libraries.
    export CPATH="$root/usr/include:$root/usr/include/python3.11" LIBRARY_PATH="$root/usr/lib/x86_64-linux-gnu:$root/usr/lib"
    export XDG_CACHE_HOME="$work/cache"
    cd "$here"
    "$python" -m audiostyle doctor --device "$device" | tee "$out/doctor.txt" || true
    rounds=${ROUNDS:+--rounds $ROUNDS}
    # shellcheck disable=SC2086  # an option and its value, or nothing
    "$python" -m benchmarks.gpu run "$bundle/problem.npz" "$device" "$out/$device" $rounds
    "$python" -m benchmarks.gpu run "$bundle/problem.npz" cpu "$out/cpu" --rounds 0 --repeat 5
    "$python" -m benchmarks.gpu compare "$out/$device" "$out/cpu" | tee "$out/agreement.txt" || say "more than 1e-4 apart"
    if (unset PYTHONHOME PYTHONPATH LD_LIBRARY_PATH && python3 -c 'import torch; assert torch.cuda.is_available()') \
        2> /dev/null; then
        (unset PYTHONHOME PYTHONPATH LD_LIBRARY_PATH CPATH LIBRARY_PATH &&
            python3 examples/ports/torch_port.py "$bundle/problem.npz" "$bundle/problem.npz" --repeat 30 --device cuda) | tee "$out/pytorch.json"
    else
        say "python3 has no PyTorch that sees a GPU: not compared"
    fi
    say "the results are in $out"
}

command=${1:-}
if [ "$command" = pack ] && [ $# = 5 ]; then
    shift
    pack "$@"
elif [ "$command" = run ] && [ $# -ge 3 ]; then
    shift
    run "$@"
else
    say "usage: gpu.sh pack BUNDLE CONTENT STYLE WEIGHTS, or gpu.sh run BUNDLE OUT [DEVICE]"
    exit 2
fi
