# The server alone: one static binary, no shell, no package. Name and path are those that kubeadm's static pod
# expects. `docker build .` needs nothing but this tree; `make image` lays the files out with the toolchain of the
# machine, and builds the last stage from them.
ARG RUST_IMAGE=rust:1.95-bookworm

FROM ${RUST_IMAGE} AS build
WORKDIR /src
COPY . .
ENV CARGO_TARGET_DIR=/target
RUN e2e/tools/system-packages.sh && image/files.sh /files

FROM scratch
COPY --from=build /files/root/ /
# Where objects and certificates are kept that no flag gives another place.
COPY --from=build --chown=65532:65532 /files/data/ /var/lib/
ENV PATH=/usr/local/bin XDG_DATA_HOME=/var/lib
USER 65532:65532
EXPOSE 6443
ENTRYPOINT ["/usr/local/bin/kube-apiserver"]
