FROM scratch
# Read by what downloads models over HTTPS.
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY longshore-sidecar /longshore-sidecar
USER 65532:65532
ENTRYPOINT ["/longshore-sidecar"]
