"""Unpacks a package as its platform would: modes as stored, an image's layers one over the other.

Arguments: a Lambda zip, or the archive of an image layout; the folder.
"""

import json
import os
import pathlib
import sys
import tarfile
import zipfile

package, folder = sys.argv[1], pathlib.Path(sys.argv[2])

if package.endswith(".zip"):
    with zipfile.ZipFile(package) as archive:
        for entry in archive.infolist():
            path = archive.extract(entry, folder)
            os.chmod(path, entry.external_attr >> 16 & 0o777)
    sys.exit()

with tarfile.open(package) as layout:

    def blob(descriptor):
        algorithm, digest = descriptor["digest"].split(":")
        return layout.extractfile(f"blobs/{algorithm}/{digest}")

    index = json.load(layout.extractfile("index.json"))
    manifest = json.load(blob(index["manifests"][0]))
    for layer in manifest["layers"]:
        with tarfile.open(fileobj=blob(layer)) as files:
            files.extractall(folder)
