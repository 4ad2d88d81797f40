# Only files: mounted as an image volume, never run. Servers look for model.onnx.
FROM scratch
COPY NOTICE /person/NOTICE
COPY blazeface-person.onnx /person/model.onnx
