/** Certificates of authorities of our own, made for tests by openssl(1). */

import { join } from "node:path";

/** A certificate and its key. Files of PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** What a certificate says. */
export interface CertificateOptions {
  /** Its common name. */
  readonly subject: string;
  /** Names and addresses of a server, as openssl takes them: `DNS:localhost,IP:127.0.0.1`. */
  readonly names?: string;
  /** Ended years ago. */
  readonly expired?: boolean;
}

/** Who makes certificates. */
export interface Authority {
  /** Its own certificate. A file of PEM. */
  readonly cert: string;
  /** Makes one. */
  issue(options: CertificateOptions): Promise<Certificate>;
}

async function openssl(folder: string, args: readonly string[]): Promise<void> {
  const command = new Deno.Command("openssl", {
    args: [...args],
    cwd: folder,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
  const { success, stderr } = await command.output();
  if (!success) throw new Error(`openssl ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/** Makes an authority in a folder of its own within `folder`. */
export async function createAuthority(folder: string, name: string): Promise<Authority> {
  const home = join(folder, name);
  await Deno.mkdir(home);
  const config = `[ca]
default_ca = here
[here]
database = ${home}/index
new_certs_dir = ${home}
rand_serial = yes
default_md = sha256
unique_subject = no
policy = any
[any]
commonName = supplied
`;
  await Deno.writeTextFile(join(home, "index"), "");
  await Deno.writeTextFile(join(home, "config"), config);
  await openssl(home, [
    ...[
      "req",
      "-x509",
      ...NEW_KEY,
      "-keyout",
      "ca.key",
      "-out",
      "ca.crt",
      "-days",
      "2",
      "-subj",
      `/CN=${name}`,
    ],
  ]);
  let count = 0;
  return {
    cert: join(home, "ca.crt"),
    async issue({ subject, names, expired = false }) {
      const file = `${++count}`;
      const extensions = names === undefined ? "extendedKeyUsage=clientAuth" : `subjectAltName=${names}`;
      await Deno.writeTextFile(join(home, `${file}.ext`), `basicConstraints=CA:FALSE\n${extensions}\n`);
      await openssl(home, [
        ...["req", ...NEW_KEY, "-keyout", `${file}.key`, "-out", `${file}.csr`, "-subj", `/CN=${subject}`],
      ]);
      await openssl(home, [
        ...["ca", "-batch", "-notext", "-config", "config", "-cert", "ca.crt", "-keyfile", "ca.key"],
        ...["-in", `${file}.csr`, "-out", `${file}.crt`, "-extfile", `${file}.ext`],
        ...expired ? ["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"] : ["-days", "2"],
      ]);
      return { cert: join(home, `${file}.crt`), key: join(home, `${file}.key`) };
    },
  };
}
