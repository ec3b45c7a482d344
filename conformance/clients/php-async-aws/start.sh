#!/bin/sh
# Starts client.php with the interpreter and the libraries that were unpacked into the folder root beside this copy of it. PHP takes its certificate
# authorities from its own settings.
here=$(dirname "$0")
root=$here/root
extensions=$(ls -d "$root"/usr/lib/php/[0-9]*[0-9][0-9][0-9])
export LD_LIBRARY_PATH="$root/usr/lib/x86_64-linux-gnu"
exec "$root/usr/bin/php8.2" -n -d include_path="$root/usr/share/php" -d extension_dir="$extensions" -d extension=simplexml -d extension=ctype \
  -d extension=tokenizer -d error_reporting=22527 ${SSL_CERT_FILE:+-d} ${SSL_CERT_FILE:+"openssl.cafile=$SSL_CERT_FILE"} "$here/client.php" "$@"
