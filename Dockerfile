# One build stage, four small final ones. `docker compose up --build` uses all of them.
ARG DENO_VERSION=2.9.6

FROM denoland/deno:${DENO_VERSION} AS build
WORKDIR /src
COPY deno.json deno.lock ./
COPY lib lib
COPY agents agents
COPY orchestrator orchestrator
RUN deno task compile
# A new volume takes over the owner of the folder that it is mounted on.
RUN for role in orchestrator collector analyzer reporter; do mkdir -p "/volumes/$role/$role"; done && \
    mkdir -p /volumes/secret

FROM gcr.io/distroless/cc-debian12:nonroot AS orchestrator
WORKDIR /baton
COPY --from=build --chown=65532:65532 /volumes/secret secret
COPY --from=build --chown=65532:65532 /volumes/orchestrator memory
COPY --from=build /src/dist/orchestrator orchestrator
EXPOSE 7100
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/baton/orchestrator", "health"]
ENTRYPOINT ["/baton/orchestrator"]
CMD ["serve"]

FROM gcr.io/distroless/cc-debian12:nonroot AS collector
WORKDIR /baton
COPY --from=build --chown=65532:65532 /volumes/collector memory
COPY --from=build /src/dist/collector collector
EXPOSE 7101
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/baton/collector", "health"]
ENTRYPOINT ["/baton/collector"]

FROM gcr.io/distroless/cc-debian12:nonroot AS analyzer
WORKDIR /baton
COPY --from=build --chown=65532:65532 /volumes/analyzer memory
COPY --from=build /src/dist/analyzer analyzer
EXPOSE 7102
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/baton/analyzer", "health"]
ENTRYPOINT ["/baton/analyzer"]

FROM gcr.io/distroless/cc-debian12:nonroot AS reporter
WORKDIR /baton
COPY --from=build --chown=65532:65532 /volumes/reporter memory
COPY --from=build /src/dist/reporter reporter
EXPOSE 7103
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/baton/reporter", "health"]
ENTRYPOINT ["/baton/reporter"]
