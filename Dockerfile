# The service's image: one static binary, certificates and time zones, and nothing that could run anything else.
#   docker build --build-arg VERSION=1.2.0 --build-arg REVISION=$(git rev-parse HEAD) --build-arg BUILD_TIME=$(git log -1 --format=%cI) .
# The same arguments give the same binary, for any platform on any machine: the compiler runs on the machine's own and
# nothing of the target's runs. Where registries are mirrored, the base images and GOPROXY are arguments too.
ARG BUILD_IMAGE=golang:1.26.8-bookworm@sha256:a688600ca24f8a4d3ca77f95b0dd40704a9fc787c826660eb7ba0b641b8b175d
ARG RUNTIME_IMAGE=scratch

FROM --platform=${BUILDPLATFORM} ${BUILD_IMAGE} AS build
WORKDIR /src
ENV CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-buildvcs=false
ARG GOPROXY
# The modules of the service's own packages, checked against go.sum: kgate, of the same go.mod, needs four times as many.
# Before the version and the platform, which change more often.
COPY go.mod go.sum ./
COPY service/ service/
RUN --mount=type=cache,target=/go/pkg/mod,sharing=locked \
    GOMODCACHE=/go/pkg/mod go list -deps ./service >/dev/null
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=development
ARG REVISION=unknown
ARG BUILD_TIME=unknown
# service/default.pgo, where it is, is the profile that the build follows.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOMODCACHE=/go/pkg/mod GOOS=${TARGETOS} GOARCH=${TARGETARCH} go build -trimpath -pgo=auto \
      -ldflags "-s -w -buildid= -X main.version=${VERSION} -X main.commit=${REVISION} -X main.buildTime=${BUILD_TIME}" \
      -o /out/app/app ./service \
 && mkdir -p /out/app/configs /out/etc/ssl/certs /out/usr/share \
 && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ \
 && cp "$(go env GOROOT)/lib/time/zoneinfo.zip" /out/usr/share/zoneinfo.zip

FROM ${RUNTIME_IMAGE}
ARG VERSION=development
ARG REVISION=unknown
ARG BUILD_TIME=unknown
LABEL org.opencontainers.image.title="go-otlp-app" \
      org.opencontainers.image.description="A release ledger: what runs where, since when, and how well the team delivers" \
      org.opencontainers.image.source="https://github.com/kgate-dev/gitops" \
      org.opencontainers.image.url="https://github.com/kgate-dev/gitops" \
      org.opencontainers.image.documentation="https://github.com/kgate-dev/gitops#readme" \
      org.opencontainers.image.vendor="kgate" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${BUILD_TIME}"
COPY --from=build /out/ /
ENV TZ=UTC ZONEINFO=/usr/share/zoneinfo.zip
# The number that the Deployment runs it as; a name would need a file that says whose it is.
USER 65532:65532
WORKDIR /app
EXPOSE 8080 9090
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s --retries=3 CMD ["/app/app", "healthcheck"]
ENTRYPOINT ["/app/app"]
CMD ["serve"]
