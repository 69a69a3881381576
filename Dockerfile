# syntax=docker/dockerfile:1
# Two stages: the first builds the wheel and a venv from the hashed lock, the second carries only them.
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m pip install hatchling==1.33.0
COPY pyproject.toml README.md LICENSE requirements.lock ./
COPY app ./app
RUN python -m hatchling build --target wheel \
 && python -m venv /opt/external-gate \
 && /opt/external-gate/bin/python -m pip install --require-hashes --only-binary :all: -r requirements.lock \
 && /opt/external-gate/bin/python -m pip install --no-deps dist/*.whl \
 && /opt/external-gate/bin/python -m compileall -q /opt/external-gate/lib

FROM python:3.13-slim
LABEL org.opencontainers.image.title="external-gate" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/external-gate /opt/external-gate
ENV PATH="/opt/external-gate/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    EXTERNAL_GATE_SERVER__HOST=0.0.0.0 \
    EXTERNAL_GATE_STORE__URL=sqlite:////var/lib/external-gate/external-gate.db
# The one writable place; the root file system may be read-only.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/external-gate
USER 10001:10001
WORKDIR /var/lib/external-gate
VOLUME /var/lib/external-gate
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=3s --start-period=10s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/livez', timeout=2)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["external-gate"]
CMD ["serve"]
