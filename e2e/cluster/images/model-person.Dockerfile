# Only files: mounted as an image volume, never run.
FROM scratch
COPY model /person
