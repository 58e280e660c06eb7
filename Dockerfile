# The reference server: a static binary, the root certificates for TLS, and a
# directory for SQLite files that its user may write.
#
#   docker build -t eventmetrics --build-arg VERSION=$(git describe --tags --always) .
#   docker run -p 127.0.0.1:3000:3000 -v eventmetrics:/data -e ADMIN_TOKEN=secret eventmetrics
#
# The image has no shell and therefore no HEALTHCHECK: probe /healthz and /readyz.

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unreleased
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w -X main.version=$VERSION" -o /out/refserver ./cmd/refserver \
 && mkdir /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/refserver /refserver
# A numeric id, so that an orchestrator can verify that it is not root.
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
# Without /tmp, SQLite puts its temporary files into the working directory.
WORKDIR /data
# Port 9464 of the container has metrics and pprof for operators: do not publish it.
ENV HOST=0.0.0.0 PORT=3000 OPS_ADDR=:9464 DATA_DIR=/data
EXPOSE 3000 9464
ENTRYPOINT ["/refserver"]
