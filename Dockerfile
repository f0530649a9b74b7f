# Two images: `docker build -t menagerie:0.1.0 .` computes on the CPU, `docker build --target cuda -t menagerie:0.1.0-cuda .`
# on an NVIDIA GPU too. docs/deployment.md says how to run them, and scripts/prove-image.sh how this file was tried.

# glibc, because ONNX Runtime is not built for musl.
FROM node:24.21.0-bookworm-slim AS node

FROM node AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --include=dev --no-audit --no-fund
COPY tsconfig.json ./
COPY scripts/compile.mjs scripts/
COPY src src
RUN node scripts/compile.mjs

FROM node AS dependencies
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-audit --no-fund
# ONNX Runtime comes with the libraries of every platform. All but this one's are of no use here.
RUN cd node_modules/onnxruntime-node/bin/napi-v6 \
  && keep="$(node -p 'process.platform + "/" + process.arch')" \
  && test -d "$keep" \
  && find . -mindepth 2 -maxdepth 2 -type d ! -path "./$keep" -exec rm -r {} +
# Orphans have to be reaped and signals passed on: process 1 is tini, linked statically so that one file is enough.
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*

# What both images hold, in its place.
FROM node AS app
WORKDIR /app
COPY package.json LICENSE NOTICE docs/licences.md ./
COPY --from=dependencies /usr/bin/tini-static /app/tini
COPY deploy/docker/entrypoint.sh deploy/docker/health.mjs ./
COPY --from=build /src/dist dist
COPY src/imaging/decoders/jpeg/wasm/jpeg.wasm src/imaging/decoders/jpeg/wasm/
COPY models models
# A volume over models/ hides what is under it: the entry point fills it from the copy. A volume takes its owner from menagerie-data/.
RUN cp -R models models.image && mkdir menagerie-data && chown -R 10001:10001 models menagerie-data

# The CUDA provider, built for CUDA 13, out of the wheel of PyPI's onnxruntime-gpu: of the version of onnxruntime-node, and by its hash.
# Where PyPI cannot be reached, bring a folder that holds the wheel: docker build --build-context wheel=<folder> --target cuda
FROM node AS wheel-from-pypi
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates python3-pip && rm -rf /var/lib/apt/lists/*
RUN echo 'onnxruntime-gpu==1.30.0 --hash=sha256:4fbf0c5d7b5fb99266c2e8a802e3e64af68bdc383e0f3c7349b985f1087eedaa' > wanted.txt \
  && pip download --no-deps --only-binary=:all: --require-hashes --dest /wheel -r wanted.txt

FROM scratch AS wheel
COPY --from=wheel-from-pypi /wheel /

FROM dependencies AS cuda-dependencies
COPY scripts/cuda scripts/cuda
COPY scripts/shared/command-line.mjs scripts/shared/
COPY --from=wheel / /wheel
RUN node scripts/cuda/install.mjs --wheel /wheel/onnxruntime_gpu-*.whl \
  && rm node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1.npm

FROM nvidia/cuda:13.0.2-cudnn-runtime-ubuntu24.04 AS cuda
LABEL org.opencontainers.image.title="menagerie" org.opencontainers.image.version="0.1.0" org.opencontainers.image.licenses="MIT"
COPY --from=node /usr/local/bin/node /usr/local/bin/node
WORKDIR /app
COPY --from=app /app ./
COPY --from=cuda-dependencies /src/node_modules node_modules
# No GPU is there while an image is built. That everything else is can be seen: only the driver's own library, which
# the container toolkit brings at run time, may be missing.
RUN node dist/main.js doctor | tee /tmp/doctor \
  && grep -q 'built for CUDA 13' /tmp/doctor \
  && ! sed -n 's/.*libraries that the CUDA provider needs are missing: //p' /tmp/doctor | tr ',' '\n' | grep -v '^ *libcuda\.so\.1$' \
  && rm /tmp/doctor \
  && DEVICE=cpu node dist/main.js classify --model lenet5 models/golden/digit-7.png
# With one arena for each thread glibc keeps much memory that is free, and with small pages large photographs fault much: see
# docs/deployment.md.
ENV NODE_ENV=production HOST=0.0.0.0 HOME=/tmp MALLOC_ARENA_MAX=2 GLIBC_TUNABLES=glibc.malloc.hugetlb=1
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=300s CMD ["node", "/app/health.mjs"]
ENTRYPOINT ["/app/tini", "--", "/app/entrypoint.sh"]
CMD ["serve"]

# Last, so that it is what is built when no target is named.
FROM node AS cpu
LABEL org.opencontainers.image.title="menagerie" org.opencontainers.image.version="0.1.0" org.opencontainers.image.licenses="MIT"
# Nothing is installed in a running container, so nothing there should be able to.
RUN rm -rf /usr/local/lib/node_modules /opt/yarn-* /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
  /usr/local/bin/yarn /usr/local/bin/yarnpkg
WORKDIR /app
COPY --from=app /app ./
COPY --from=dependencies /src/node_modules node_modules
# With one arena for each thread glibc keeps much memory that is free, and with small pages large photographs fault much: see
# docs/deployment.md.
ENV NODE_ENV=production HOST=0.0.0.0 HOME=/tmp MALLOC_ARENA_MAX=2 GLIBC_TUNABLES=glibc.malloc.hugetlb=1
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=300s CMD ["node", "/app/health.mjs"]
ENTRYPOINT ["/app/tini", "--", "/app/entrypoint.sh"]
CMD ["serve"]
