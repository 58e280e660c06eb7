# The reference server, by itself: a static binary, the roots of trust for TLS,
# and a directory for SQLite files that its user may write.
#
#   docker build -t eventmetrics .
#   docker run -p 127.0.0.1:3000:3000 -v eventmetrics:/data -e ADMIN_TOKEN=secret eventmetrics
#
# There is no shell in it and so no HEALTHCHECK: probe /healthz and /readyz.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/refserver ./cmd/refserver \
 && mkdir /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/refserver /refserver
# A number, so that an orchestrator can tell that it is not root.
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
# SQLite puts its temporary files into the working directory where there is no
# /tmp.
WORKDIR /data
# Operators' metrics and pprof are on 9464 of the container: do not publish it.
ENV HOST=0.0.0.0 PORT=3000 OPS_ADDR=:9464 DATA_DIR=/data
EXPOSE 3000 9464
ENTRYPOINT ["/refserver"]
