# Theano on a GPU, or on a CPU, in an image that can still be built: Debian packages and wheels only, all pinned.
#
#   docker build -t audiostyle .                      GPUs from the V100 to the H200 (the target cuda)
#   docker build -t audiostyle:cpu --target cpu .
#   docker build -t audiostyle:k80 --target k80 .     the paper's card
#
#   docker run --gpus all -v $PWD:/data audiostyle rock.wav reggae.wav --rowac --colac
#
# docs/docker.md says more, for example how to build from snapshot.debian.org.

ARG BASE_IMAGE=debian:bookworm-20250520-slim@sha256:90522eeb7e5923ee2b871c639059537b30521272f10ca86fdbbbb2b75a8c40cd
ARG K80_IMAGE=debian:bullseye-20250520-slim
ARG DEBIAN_MIRROR=http://deb.debian.org/debian
ARG SECURITY_MIRROR=http://deb.debian.org/debian-security
ARG APT_OPTIONS=


# What Theano needs while it runs: a compiler and Python's headers.
FROM ${BASE_IMAGE} AS system
ARG DEBIAN_MIRROR
ARG SECURITY_MIRROR
ARG APT_OPTIONS
RUN --mount=type=bind,source=docker,target=/run/docker \
    /run/docker/install-packages bookworm main \
        g++=4:12.2.0-3 \
        libpython3-dev=3.11.2-1+b1 \
        python3=3.11.2-1+b1 \
    && rm -f /usr/lib/python3.11/config-3.11-*/libpython3.11*.a \
    && useradd --uid 1000 --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin audiostyle \
    && mkdir -p /data /cache \
    && chmod 1777 /data /cache
# Everything that can be made again goes to a folder of the user in /cache (docker/audiostyle).  No module is imported
# from the working folder, where a stranger's clips may lie.
ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONPATH=/opt/audiostyle \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/nonexistent
WORKDIR /data
ENTRYPOINT ["audiostyle", "transfer", "--device", "auto"]
CMD ["--help"]
# A transfer ends by itself and serves nobody: there is no health to ask for.
HEALTHCHECK NONE
LABEL org.opencontainers.image.title="AudioStyle" \
      org.opencontainers.image.description="Artistic style transfer for music data, on Theano and Lasagne" \
      org.opencontainers.image.version="1.1.0" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-20250520-slim" \
      org.opencontainers.image.base.digest="sha256:90522eeb7e5923ee2b871c639059537b30521272f10ca86fdbbbb2b75a8c40cd"


# The Python packages.  pip stays behind in this stage.
FROM system AS packages
ARG DEBIAN_MIRROR
ARG SECURITY_MIRROR
ARG APT_OPTIONS
RUN --mount=type=bind,source=docker,target=/run/docker \
    /run/docker/install-packages bookworm main python3-venv=3.11.2-1+b1
COPY requirements-build.txt requirements.txt /tmp/
RUN python3 -m venv /opt/venv \
    && pip install --no-cache-dir --require-hashes --no-build-isolation -r /tmp/requirements-build.txt \
    && pip install --no-cache-dir --require-hashes --no-build-isolation -r /tmp/requirements.txt \
    && pip uninstall --yes pip


# This repository, compiled: a user who is not root could not keep the byte code.
FROM system AS program
COPY docker/audiostyle /usr/local/bin/audiostyle
COPY run_transfer.py /opt/audiostyle/
COPY vgg19_weights /opt/audiostyle/vgg19_weights
COPY audiostyle /opt/audiostyle/audiostyle
RUN chmod 1777 /opt/audiostyle/vgg19_weights \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/audiostyle


FROM system AS cpu
COPY --from=packages /opt/venv /opt/venv
COPY --from=program /usr/local/bin/audiostyle /usr/local/bin/audiostyle
COPY --from=program /opt/audiostyle /opt/audiostyle
VOLUME ["/cache", "/opt/audiostyle/vgg19_weights"]
USER 1000:1000


# libgpuarray and pygpu are Debian's, for its own Python, so the environment is let see Debian's packages.
FROM system AS gpu
ARG DEBIAN_MIRROR
ARG SECURITY_MIRROR
ARG APT_OPTIONS
RUN --mount=type=bind,source=docker,target=/run/docker \
    /run/docker/install-packages bookworm main \
        libgpuarray-dev=0.7.6-13+b1 \
        libgpuarray3=0.7.6-13+b1 \
        python3-pygpu=0.7.6-13+b1
COPY --from=packages /opt/venv /opt/venv
RUN sed -i 's/^include-system-site-packages = .*/include-system-site-packages = true/' /opt/venv/pyvenv.cfg \
    && echo /opt/nvidia > /etc/ld.so.conf.d/audiostyle.conf
# The NVIDIA container toolkit puts the driver's own libraries into the container when it starts.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility


# CUDA 11.2: the last drivers for Kepler cards take code of CUDA 11.4 at most.
FROM ${K80_IMAGE} AS cuda11.2
ARG DEBIAN_MIRROR
ARG SECURITY_MIRROR
ARG APT_OPTIONS
RUN --mount=type=bind,source=docker,target=/run/docker \
    /run/docker/install-packages bullseye "main non-free" \
        libcublas11=11.4.1.1043~11.2.2-3+deb11u3 \
        libnvrtc11.2=11.2.152~11.2.2-3+deb11u3 \
    && mkdir /opt/nvidia \
    && cp -P /usr/lib/x86_64-linux-gnu/libnvrtc* /usr/lib/x86_64-linux-gnu/libcublas* /opt/nvidia \
    && ln -sf libnvrtc.so.11.2 /opt/nvidia/libnvrtc.so \
    && ln -sf libcublas.so.11 /opt/nvidia/libcublas.so


FROM gpu AS k80
COPY --from=cuda11.2 /opt/nvidia /opt/nvidia
RUN ldconfig
COPY --from=program /usr/local/bin/audiostyle /usr/local/bin/audiostyle
COPY --from=program /opt/audiostyle /opt/audiostyle
VOLUME ["/cache", "/opt/audiostyle/vgg19_weights"]
USER 1000:1000


# CUDA 11.8 from NVIDIA's wheels, without their headers, under the names that libgpuarray opens.
FROM packages AS cuda11.8
COPY docker/requirements-cuda.txt /tmp/
RUN python3 -m venv /tmp/pip \
    && /tmp/pip/bin/pip install --no-cache-dir --require-hashes --no-deps --target /tmp/wheels \
        -r /tmp/requirements-cuda.txt \
    && mkdir /opt/nvidia \
    && mv /tmp/wheels/nvidia/cuda_nvrtc/lib/libnvrtc* /tmp/wheels/nvidia/cublas/lib/libcublas* /opt/nvidia \
    && ln -s libnvrtc.so.11.2 /opt/nvidia/libnvrtc.so \
    && ln -s libcublas.so.11 /opt/nvidia/libcublas.so \
    && rm -rf /tmp/wheels


FROM gpu AS cuda
COPY --from=cuda11.8 /opt/nvidia /opt/nvidia
RUN ldconfig
COPY --from=program /usr/local/bin/audiostyle /usr/local/bin/audiostyle
COPY --from=program /opt/audiostyle /opt/audiostyle
VOLUME ["/cache", "/opt/audiostyle/vgg19_weights"]
USER 1000:1000
