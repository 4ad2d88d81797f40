FROM scratch
COPY longshore-runtime /longshore-runtime
USER 65532:65532
ENTRYPOINT ["/longshore-runtime"]
