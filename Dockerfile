# docker build -t vctsdb .
# docker run -p 127.0.0.1:9201:9201 -v vctsdb:/data vctsdb --web.allow-anonymous
#
# In a container it listens for other machines, and does not start without a login (--web.config.file) or that word that everybody may
# come in.

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin vctsdb

# The C library that the program is built and tested with; a static one would resolve names by other rules.
FROM debian:bookworm-slim
COPY --from=build /src/target/release/vctsdb /usr/bin/vctsdb
# A volume begins as what the image has there, owner included.
RUN mkdir /data && chown 65532:65532 /data
USER 65532:65532
VOLUME /data
# Variables and not arguments: those of `docker run` are added to them.
ENV VCTSDB_DATA_DIR=/data VCTSDB_LISTEN=:9201
EXPOSE 9201
# With TLS it takes VCTSDB_SERVER=https://NAME:9201 and VCTSDB_CA_FILE, with a --web.route-prefix VCTSDB_SERVER=http://127.0.0.1:9201/PREFIX.
HEALTHCHECK --interval=15s --timeout=5s --start-period=2m CMD ["/usr/bin/vctsdb", "check", "ready"]
ENTRYPOINT ["/usr/bin/vctsdb"]
