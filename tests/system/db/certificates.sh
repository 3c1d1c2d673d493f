#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes the certificates of a test in a folder, see server_certificates(). Usage: certificates.sh FOLDER
set -eu

cd "$1"
key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)

# authority NAME
authority() {
    openssl req -x509 "${key[@]}" -keyout "$1.key" -out "$1.pem" -subj "/CN=$1" -days 30
}

# certificate NAME SUBJECT BEGIN END [HOSTS]: signed by ca, times as openssl ca wants them.
certificate() {
    local name=$1 subject=$2 begin=$3 end=$4 hosts=${5:-DNS:localhost,IP:127.0.0.1,IP:::1}
    openssl req "${key[@]}" -keyout "$name.key" -out "$name.csr" -subj "/CN=$subject" -addext "subjectAltName=$hosts"
    openssl ca -batch -config ca.cnf -in "$name.csr" -out "$name.pem" -startdate "$begin" -enddate "$end" -notext
}

cat >ca.cnf <<END
[ca]
default_ca = test
[test]
new_certs_dir = .
database = index.txt
rand_serial = yes
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
END
: >index.txt
authority ca
authority other-ca
yesterday=$(date -u -d '1 day ago' +%Y%m%d%H%M%SZ)
tomorrow=$(date -u -d '1 day' +%Y%m%d%H%M%SZ)
certificate good localhost "$yesterday" "$tomorrow"
cp good.pem server.pem
cp good.key server.key
certificate elsewhere elsewhere "$yesterday" "$tomorrow" DNS:elsewhere
certificate client dragonflow "$yesterday" "$tomorrow"
certificate expired localhost "$(date -u -d '2 days ago' +%Y%m%d%H%M%SZ)" "$yesterday"
chmod a+r ./*.key
