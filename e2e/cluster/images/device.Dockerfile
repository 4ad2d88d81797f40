FROM scratch
COPY longshore-device /longshore-device
USER 65532:65532
ENTRYPOINT ["/longshore-device"]
