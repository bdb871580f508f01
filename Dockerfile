# The images of the operator and of the portal.
#
#   docker build --target operator --tag voice-quality-operator .
#   docker build --target portal --tag voice-quality-portal .
#
# `make image` does both, with docker, podman or buildah, and with a version, a revision and the commit's time: the same
# sources then make the same image. Nothing of a build stage is in an image but what lab/voice_lab/images/rootfs takes:
# no shell, no package manager, no pip, no compiler.

ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim

FROM ${PYTHON_IMAGE} AS tools
# One seed, or sets come in another order in each bytecode.
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONHASHSEED=0 UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1
WORKDIR /build
COPY lab/voice_lab/images/rootfs/uv.txt ./
# The secret `machine`, where a machine needs it, is shell text with the settings of its package index and proxy, and
# `authorities` names who signs for them. Neither stays anywhere.
RUN --mount=type=secret,id=machine --mount=type=secret,id=authorities \
    if [ -e /run/secrets/machine ]; then . /run/secrets/machine; fi && \
    python3 -m venv venv && \
    venv/bin/python -m pip install --quiet --no-cache-dir --disable-pip-version-check --only-binary :all: \
    --require-hashes --requirement uv.txt

FROM tools AS python
ARG SOURCE_DATE_EPOCH=0
COPY lab/voice_lab/images/rootfs rootfs/
RUN SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} python3 -m rootfs python /python

FROM tools AS locked
COPY pyproject.toml uv.lock ./

FROM locked AS operator-site
RUN --mount=type=secret,id=machine --mount=type=secret,id=authorities \
    if [ -e /run/secrets/machine ]; then . /run/secrets/machine; fi && \
    venv/bin/uv export --quiet --frozen --extra operator --no-emit-project --output-file locked.txt && \
    venv/bin/uv pip install --quiet --python "$(command -v python3)" --target site --only-binary :all: --no-deps \
    --require-hashes --requirement locked.txt

FROM locked AS portal-site
RUN --mount=type=secret,id=machine --mount=type=secret,id=authorities \
    if [ -e /run/secrets/machine ]; then . /run/secrets/machine; fi && \
    venv/bin/uv export --quiet --frozen --extra portal --no-emit-project --output-file locked.txt && \
    venv/bin/uv pip install --quiet --python "$(command -v python3)" --target site --only-binary :all: --no-deps \
    --require-hashes --requirement locked.txt

FROM operator-site AS operator-packages
ARG SOURCE_DATE_EPOCH=0
COPY lab/voice_lab/images/rootfs rootfs/
COPY LICENSE ./
COPY operator/ own/
COPY --from=python /python/ /tried/
RUN SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} python3 -m rootfs packages operator site own /tried /packages

FROM portal-site AS portal-packages
ARG SOURCE_DATE_EPOCH=0
COPY lab/voice_lab/images/rootfs rootfs/
COPY LICENSE ./
COPY portal/ own/
COPY --from=python /python/ /tried/
RUN SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} python3 -m rootfs packages portal site own /tried /packages

FROM scratch AS operator
COPY --from=python /python/ /
COPY --from=operator-packages /packages/ /
ENV PATH=/usr/local/bin:/usr/bin LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /
CMD ["python", "-m", "voiceprobe_operator"]
ARG VERSION=
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.title="Voice Quality Reporting: operator" \
      org.opencontainers.image.description="Turns VoiceProbes into the call plan, Grafana's dashboards and statuses" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"

FROM scratch AS portal
COPY --from=python /python/ /
COPY --from=portal-packages /packages/ /
ENV PATH=/usr/local/bin:/usr/bin LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=voice_portal.config.settings
USER 10001:10001
WORKDIR /
CMD ["python", "-m", "gunicorn", "voice_portal.config.wsgi"]
ARG VERSION=
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.title="Voice Quality Reporting: portal" \
      org.opencontainers.image.description="Where a client's voice engineers look; owner of the database's schema" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
