# One build stage, four small final ones. `docker compose up --build` uses all of them.
# A role that stands still is unhealthy after twice an interval and a timeout: 14 s at most.
ARG DENO_VERSION=2.9.6
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM denoland/deno:${DENO_VERSION} AS build
WORKDIR /src
COPY deno.json deno.lock ./
COPY lib lib
COPY agents agents
COPY orchestrator orchestrator
RUN deno task compile
# What is mounted in a container exists in its image, and a new volume takes over its owner.
RUN for role in orchestrator collector analyzer reporter; do \
      mkdir -p "/rooms/$role/memory/$role" "/rooms/$role/secret"; \
    done && mkdir /rooms/collector/inbox && \
    mkdir -p /rooms/secrets/collector /rooms/secrets/analyzer /rooms/secrets/reporter && \
    # Where `init: true` mounts its program; else it would be made in each container.
    touch /rooms/docker-init

FROM ${BASE_IMAGE} AS orchestrator
WORKDIR /baton
COPY --from=build /rooms/docker-init /sbin/docker-init
COPY --from=build --chown=65532:65532 /rooms/orchestrator .
COPY --from=build --chown=65532:65532 /rooms/secrets /run/secrets
COPY --from=build /src/dist/orchestrator /src/dist/orchestrator.cdx.json ./
USER 65532:65532
EXPOSE 7100
HEALTHCHECK --interval=4s --timeout=3s --start-period=5s --retries=2 CMD ["/baton/orchestrator", "health"]
ENTRYPOINT ["/baton/orchestrator"]
CMD ["serve"]

FROM ${BASE_IMAGE} AS collector
WORKDIR /baton
COPY --from=build /rooms/docker-init /sbin/docker-init
COPY --from=build --chown=65532:65532 /rooms/collector .
COPY --from=build /src/dist/collector /src/dist/collector.cdx.json ./
USER 65532:65532
EXPOSE 7101
HEALTHCHECK --interval=4s --timeout=3s --start-period=5s --retries=2 CMD ["/baton/collector", "health"]
ENTRYPOINT ["/baton/collector"]

FROM ${BASE_IMAGE} AS analyzer
WORKDIR /baton
COPY --from=build /rooms/docker-init /sbin/docker-init
COPY --from=build --chown=65532:65532 /rooms/analyzer .
COPY --from=build /src/dist/analyzer /src/dist/analyzer.cdx.json ./
USER 65532:65532
EXPOSE 7102
HEALTHCHECK --interval=4s --timeout=3s --start-period=5s --retries=2 CMD ["/baton/analyzer", "health"]
ENTRYPOINT ["/baton/analyzer"]

FROM ${BASE_IMAGE} AS reporter
WORKDIR /baton
COPY --from=build /rooms/docker-init /sbin/docker-init
COPY --from=build --chown=65532:65532 /rooms/reporter .
COPY --from=build /src/dist/reporter /src/dist/reporter.cdx.json ./
USER 65532:65532
EXPOSE 7103
HEALTHCHECK --interval=4s --timeout=3s --start-period=5s --retries=2 CMD ["/baton/reporter", "health"]
ENTRYPOINT ["/baton/reporter"]
