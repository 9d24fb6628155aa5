# The server and the libraries that it loads, nothing else; `make image` lays out rootfs/. Name and path are
# those that kubeadm's static pod expects.
FROM scratch
COPY rootfs/ /
ENTRYPOINT ["/usr/local/bin/kube-apiserver"]
