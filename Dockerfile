# Belfry in an image, for those who ran WS-HUB in one: the same paths and the same ports.
#
#   docker build -t belfry .
#   docker run -d -ti -v ${PWD}/config.yaml:/root/config.yaml -p 8080:8080 --name ws-hub belfry
#
# `localhost` in config.yaml is the container itself: name the host of your Redis there, or add `--network host`. Other
# systems: `docker run -p 8899:8899 -e REDIS=redis://redis.example/0 belfry --as ws-emit`. The health check asks port 8080; where
# you listen elsewhere, set HEALTH_URL. `npm run test:image` carries out these steps in a fresh Debian, without Docker.

FROM debian:trixie-slim AS build
RUN apt-get update \
  && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates npm
WORKDIR /opt/belfry
COPY package.json package-lock.json LICENSE ./
# The runtime is a package like the others; its second name is a second copy.
RUN npm ci --omit=dev --no-audit --no-fund && rm -f node_modules/bun/bin/bunx.exe
COPY bin ./bin
COPY client ./client
COPY src ./src

FROM debian:trixie-slim
# Nobody, with a place from which WS-HUB's file is read; all that runs belongs to root.
RUN useradd --system --uid 10001 --home-dir /root --no-create-home --shell /usr/sbin/nologin belfry \
  && chmod 755 /root
COPY --from=build /opt/belfry /opt/belfry
# `docker stop` waits for ten seconds.
ENV BELFRY_DRAIN=5 HEALTH_URL=http://127.0.0.1:8080/-/health/live
WORKDIR /root
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/opt/belfry/node_modules/bun/bin/bun.exe", "-e", "process.exit((await fetch(process.env.HEALTH_URL)).ok ? 0 : 1)"]
ENTRYPOINT ["/opt/belfry/bin/belfry", "serve"]
CMD ["--as", "ws-hub"]
