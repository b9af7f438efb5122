# lordbench for CPUs, or for CUDA with --build-arg TORCH=cu126. See docs/containers.md.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
ARG TORCH=cpu
WORKDIR /source
RUN python -m venv /opt/lordbench
ENV PATH=/opt/lordbench/bin:$PATH
# The large packages first: their layer is kept when only lordbench changes.
RUN pip install --no-cache-dir --index-url "https://download.pytorch.org/whl/${TORCH}" torch torchvision
COPY pyproject.toml README.md LICENSE ./
COPY lordbench lordbench
COPY baselines baselines
COPY metrics metrics
COPY configs configs
COPY reference reference
RUN pip install --no-cache-dir ".[data,parquet]"

FROM python:${PYTHON}-slim
# OpenMP, which torch and scikit-learn use, and the owner of everything that a run writes.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 lordbench \
    && install --directory --owner lordbench --mode 1777 /data /work
COPY --from=build /opt/lordbench /opt/lordbench
# Another user, as by --user, has no home folder: caches go below /data.
ENV PATH=/opt/lordbench/bin:$PATH \
    LORDBENCH_HOME=/data \
    XDG_CACHE_HOME=/data/cache \
    MPLCONFIGDIR=/tmp/matplotlib \
    PYTHONUNBUFFERED=1
VOLUME /data
WORKDIR /work
USER lordbench
ENTRYPOINT ["lordbench"]
CMD ["--help"]
