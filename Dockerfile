# Two images from one file:
#   docker build --target platform -t hintrelay:platform .   the base install: platform worker, beat, inbox, sandbox, CLI
#   docker build --target hints    -t hintrelay:hints .      the same with HintEval and torch: hints worker
# On x86-64, the index that pip uses by default has torch with CUDA, which adds gigabytes. For a CPU-only image name the index
# of CPU wheels that PyTorch's installation page gives: --build-arg PIP_EXTRA_INDEX_URL=<URL>. No other argument, no secret.

FROM python:3.11-slim AS install
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/hintrelay
WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE ./
COPY common common
COPY producer producer
COPY worker worker
COPY sandbox sandbox
RUN /opt/hintrelay/bin/pip install -c requirements.lock .

FROM install AS install-hints
ARG PIP_EXTRA_INDEX_URL=""
RUN /opt/hintrelay/bin/pip install -c requirements.lock '.[hints]'

FROM python:3.11-slim AS run
# HINTRELAY_HOME holds artifacts and scratch files; HintEval keeps the data sets that it downloads in a cache beside them.
ENV PATH=/opt/hintrelay/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HINTRELAY_HOME=/var/lib/hintrelay \
    HINTEVAL_CACHE_DIR=/var/lib/hintrelay/hinteval
RUN useradd --uid 10001 --create-home hintrelay && install -d -o hintrelay -g hintrelay /var/lib/hintrelay
USER hintrelay
WORKDIR /home/hintrelay
VOLUME /var/lib/hintrelay
# No HEALTHCHECK here: one image serves several roles, and a worker has nothing to ask. The supervisor inside restarts its
# Celery processes, and `hintrelay doctor` tells which workers answer.
ENTRYPOINT ["hintrelay"]
CMD ["--help"]

FROM run AS hints
COPY --from=install-hints /opt/hintrelay /opt/hintrelay
CMD ["worker", "--queues", "hints"]

FROM run AS platform
COPY --from=install /opt/hintrelay /opt/hintrelay
CMD ["worker", "--queues", "platform"]
