FROM scratch
COPY longshore-operator /longshore-operator
USER 65532:65532
ENTRYPOINT ["/longshore-operator"]
