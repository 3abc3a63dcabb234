#!/usr/bin/env bash
# Builds the real back ends that the shippers are tested against, by go and mvn as they are set up here.
# usage: build.sh [opensearch] [otelcol] [loki]     (none named: all three)
# Result in ${BACKENDS_DIR:-~/.cache/spoor-backends}: bin/loki, bin/otelcol, opensearch/classpath.
# What was built from the same files before is kept; a second run at the same time waits for the first.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${BACKENDS_DIR:-$HOME/.cache/spoor-backends}
mkdir -p "$out/bin"
exec 9> "$out/lock"
flock 9

need() {
  command -v "$1" > /dev/null && return
  echo "build.sh: $1 is missing; $2" >&2
  exit 1
}

# once NAME RESULT FILE...: calls build_NAME unless RESULT was made from these files.
once() {
  local name=$1 result=$2 stamp
  shift 2
  stamp=$(cd "$here/$name" && cat -- "$@" | sha256sum)
  [[ -s $result && $stamp == "$(cat "$out/$name.stamp" 2> /dev/null)" ]] && return
  rm -f "$out/$name.stamp"
  local begun=$SECONDS
  "build_$name"
  echo "$stamp" > "$out/$name.stamp"
  echo "$name: built in $((SECONDS - begun)) s"
}

go_says='install Go 1.21 or newer; it gets the version that the go.mod asks for by itself'

build_loki() {
  need go "$go_says"
  (cd "$here/loki" && go build -mod=readonly -o "$out/bin/loki" github.com/grafana/loki/v3/cmd/loki)
}

# The builder writes the program's main; which modules go in is for the go.mod here to say.
build_otelcol() {
  need go "$go_says"
  local work=$out/otelcol
  rm -rf "$work" && mkdir -p "$work" && cp "$here/otelcol/builder.yaml" "$work/"
  (cd "$work" && go run go.opentelemetry.io/collector/cmd/builder@v0.160.0 --config builder.yaml \
    --skip-get-modules --skip-compilation)
  cp "$here/otelcol/go.mod" "$here/otelcol/go.sum" "$work/out/"
  (cd "$work/out" && go build -mod=readonly -o "$out/bin/otelcol" .)
}

build_opensearch() {
  need mvn 'install maven and a JDK of 17 or newer'
  local work=$out/opensearch
  rm -rf "$work" && mkdir -p "$work" && cp -r "$here/opensearch/pom.xml" "$here/opensearch/src" "$work/"
  (cd "$work" && mvn -q -B -ntp compile dependency:copy-dependencies -DoutputDirectory=lib)
  echo "$work/target/classes:$work/lib/*" > "$work/classpath"
}

want=" ${*:-opensearch otelcol loki} "
for name in $want; do
  case $name in
    loki) once loki "$out/bin/loki" go.mod go.sum ;;
    otelcol) once otelcol "$out/bin/otelcol" go.mod go.sum builder.yaml ;;
    opensearch) once opensearch "$out/opensearch/classpath" pom.xml src/main/java/Main.java ;;
    *)
      echo "build.sh: no back end '$name': loki, otelcol or opensearch" >&2
      exit 1
      ;;
  esac
done
echo "back ends:$want"
