# One build stage compiles the four programs. Each role's image holds its own program and nothing else.
#
# A health check starts the program a second time. That takes 0.5 s on an idle machine, and up to 15 s
# were seen on two cores at a load of 36, so the timeout is 30 s. A role that stands still fails each
# check after 2 s: it is unhealthy within 2 × (10 + 2) s, and at the latest after 2 × (10 + 30) s.
ARG DENO_VERSION=2.9.6
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM denoland/deno:${DENO_VERSION} AS build
WORKDIR /src
COPY deno.json deno.lock ./
COPY lib lib
COPY agents agents
COPY orchestrator orchestrator
RUN deno task compile
# Every mount point exists in its image, owned by the user 65532: a new volume takes over that owner,
# and with a read-only root none could be made. Docker mounts the program of `init: true` as
# /sbin/docker-init.
RUN mkdir -p /mounts/collector/inbox /mounts/orchestrator/secret/clients && \
    touch /mounts/docker-init && \
    for role in orchestrator collector analyzer reporter; do \
      mkdir -p "/mounts/$role/memory/$role" "/mounts/$role/secret"; \
    done && \
    for agent in collector analyzer reporter; do \
      mkdir -p "/mounts/orchestrator/secret/$agent" "/mounts/secrets/$agent"; \
    done

FROM ${BASE_IMAGE} AS base
WORKDIR /baton
COPY --from=build /mounts/docker-init /sbin/docker-init
USER 65532:65532

FROM base AS orchestrator
COPY --from=build --chown=65532:65532 /mounts/orchestrator .
COPY --from=build --chown=65532:65532 /mounts/secrets /run/secrets
COPY --from=build /src/dist/orchestrator /src/dist/orchestrator.cdx.json ./
EXPOSE 7100
HEALTHCHECK --interval=10s --timeout=30s --start-period=30s --retries=2 CMD ["/baton/orchestrator", "health"]
ENTRYPOINT ["/baton/orchestrator"]
CMD ["serve"]

FROM base AS collector
COPY --from=build --chown=65532:65532 /mounts/collector .
COPY --from=build /src/dist/collector /src/dist/collector.cdx.json ./
EXPOSE 7101
HEALTHCHECK --interval=10s --timeout=30s --start-period=30s --retries=2 CMD ["/baton/collector", "health"]
ENTRYPOINT ["/baton/collector"]

FROM base AS analyzer
COPY --from=build --chown=65532:65532 /mounts/analyzer .
COPY --from=build /src/dist/analyzer /src/dist/analyzer.cdx.json ./
EXPOSE 7102
HEALTHCHECK --interval=10s --timeout=30s --start-period=30s --retries=2 CMD ["/baton/analyzer", "health"]
ENTRYPOINT ["/baton/analyzer"]

FROM base AS reporter
COPY --from=build --chown=65532:65532 /mounts/reporter .
COPY --from=build /src/dist/reporter /src/dist/reporter.cdx.json ./
EXPOSE 7103
HEALTHCHECK --interval=10s --timeout=30s --start-period=30s --retries=2 CMD ["/baton/reporter", "health"]
ENTRYPOINT ["/baton/reporter"]
