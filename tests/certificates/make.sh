#!/bin/sh
# Makes the certificates of the TLS tests with OpenSSL 3. They protect nothing: no root store contains them, and the keys
# of the authorities are thrown away. All other certificates have the same key, key.der. Everything is DER because secret
# scanners report private keys in PEM.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
touch "$work/index"
cat >"$work/config" <<EOF
[ca]
default_ca = default
[default]
database = $work/index
new_certs_dir = $work
default_md = sha256
policy = policy
copy_extensions = copy
unique_subject = no
rand_serial = yes
[policy]
commonName = supplied
[req]
distinguished_name = name
[name]
EOF

key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/$1.key"; }

# NAME KEY ISSUER SUBJECT EXTENSION END: a certificate, self-signed if the issuer is `self`.
certificate() {
    openssl req -config "$work/config" -new -key "$work/$2.key" -subj "/CN=$4" -addext "$5" -out "$work/request"
    case $3 in
    self) set -- "$1" "$6" -selfsign -keyfile "$work/$2.key" ;;
    *) set -- "$1" "$6" -cert "$work/$3.pem" -keyfile "$work/$3.key" ;;
    esac
    name=$1 end=$2
    shift 2
    openssl ca -config "$work/config" -batch -notext -startdate 20200101000000Z -enddate "$end" "$@" \
        -in "$work/request" -out "$work/$name.pem" 2>"$work/log" || { cat "$work/log" >&2 && exit 1; }
    openssl x509 -in "$work/$name.pem" -outform DER -out "$name.der"
}

for authority in authority other-authority; do
    key "$authority"
    certificate "$authority" "$authority" self "$authority" basicConstraints=critical,CA:true 21200101000000Z
done
key key
openssl pkcs8 -topk8 -nocrypt -in "$work/key.key" -outform DER -out key.der
certificate self-signed key self localhost subjectAltName=DNS:localhost 21200101000000Z
certificate localhost key authority localhost subjectAltName=DNS:localhost 21200101000000Z
certificate expired key authority localhost subjectAltName=DNS:localhost 20210101000000Z
certificate service.invalid key authority service.invalid subjectAltName=DNS:service.invalid 21200101000000Z
certificate localhost-of-other-authority key other-authority localhost subjectAltName=DNS:localhost 21200101000000Z
certificate client key other-authority client subjectAltName=DNS:client 21200101000000Z
