# Three images from one file, for one release:
#   --target api   the web service: no TensorFlow, so it is small and starts fast
#   --target cpu   a worker (the default target)
#   --target gpu   a worker with CUDA
# Sources stay in /srv/prunery, readable and not writable by the user that runs them.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PRUNERY_MODE=production \
    PRUNERY_DATA_DIR=/var/lib/prunery \
    PRUNERY_HOST=0.0.0.0 \
    PRUNERY_PORT=8000
RUN groupadd --gid 10001 prunery \
    && useradd --uid 10001 --gid prunery --no-create-home --shell /usr/sbin/nologin prunery \
    && install -d -o prunery -g prunery /var/lib/prunery
WORKDIR /srv/prunery

FROM base AS api-packages
COPY requirements/app.txt requirements/build.txt requirements/
RUN pip install --require-hashes --no-deps -r requirements/app.txt \
    && pip install --require-hashes --no-deps -r requirements/build.txt

FROM base AS cpu-packages
COPY requirements/worker.txt requirements/build.txt requirements/
# Bytecode is written here, once: a sandboxed job may not write it.
RUN pip install --require-hashes --no-deps -r requirements/worker.txt \
    && pip install --require-hashes --no-deps -r requirements/build.txt

FROM base AS gpu-packages
COPY requirements/gpu.txt requirements/build.txt requirements/
RUN pip install --require-hashes --no-deps -r requirements/gpu.txt \
    && pip install --require-hashes --no-deps -r requirements/build.txt

FROM api-packages AS api
COPY . .
RUN pip install --no-deps --no-build-isolation --editable . && python -m compileall -q .
USER prunery
VOLUME /var/lib/prunery
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["prunery", "serve"]

FROM gpu-packages AS gpu
COPY . .
RUN pip install --no-deps --no-build-isolation --editable . && python -m compileall -q .
USER prunery
VOLUME /var/lib/prunery
# Healthy while both of its processes run, the one for jobs and the one for checks (the word is
# split so that the check does not find itself).
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import pathlib as p, sys; sys.exit(sum(b'--que'b'ues' in c.read_bytes() for c in p.Path('/proc').glob('[0-9]*/cmdline')) < 2)"]
CMD ["prunery", "work"]

FROM cpu-packages AS cpu
COPY . .
RUN pip install --no-deps --no-build-isolation --editable . && python -m compileall -q .
USER prunery
VOLUME /var/lib/prunery
# Healthy while both of its processes run, the one for jobs and the one for checks (the word is
# split so that the check does not find itself).
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import pathlib as p, sys; sys.exit(sum(b'--que'b'ues' in c.read_bytes() for c in p.Path('/proc').glob('[0-9]*/cmdline')) < 2)"]
CMD ["prunery", "work"]
