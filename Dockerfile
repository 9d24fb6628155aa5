# The server alone: a static-pod or Deployment image with the name and path that kubeadm expects.
FROM rust:1.95-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends protobuf-compiler lld
WORKDIR /src
COPY . .
RUN cargo build --locked --release --bin kube-apiserver

FROM debian:bookworm-slim
COPY --from=build /src/target/release/kube-apiserver /usr/local/bin/kube-apiserver
ENTRYPOINT ["/usr/local/bin/kube-apiserver"]
