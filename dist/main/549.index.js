export const id = 549;
export const ids = [549];
export const modules = {

/***/ 6549:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {


// EXPORTS
__webpack_require__.d(__webpack_exports__, {
  explain: () => (/* binding */ explain),
  wantsCaller: () => (/* binding */ wantsCaller)
});

// EXTERNAL MODULE: ./.cache/build/arn.js
var build_arn = __webpack_require__(9224);
// EXTERNAL MODULE: ./.cache/build/secrets.js
var build_secrets = __webpack_require__(2194);
// EXTERNAL MODULE: ./.cache/build/session.js
var session = __webpack_require__(5399);
// EXTERNAL MODULE: ./.cache/build/source/oidc.js
var oidc = __webpack_require__(4904);
// EXTERNAL MODULE: ./.cache/build/sts/errors.js
var errors = __webpack_require__(9937);
// EXTERNAL MODULE: ./.cache/build/transport.js + 1 modules
var transport = __webpack_require__(5198);
;// CONCATENATED MODULE: ./.cache/build/diagnosis/document.js
/** What an explanation is written in, and its two renderings: plain lines for the log, Markdown for the job summary. */
/** Our words as they stand, with values in them. A value that is prose is joined in; a number is as good as our own word. */
function say(words, ...values) {
    return words.flatMap((word, index) => {
        const value = values[index];
        if (value === undefined)
            return [word];
        if (typeof value === 'object')
            return [word, ...value];
        return [word, typeof value === 'number' ? String(value) : { value }];
    });
}
const heading = (text) => ({ kind: 'heading', text });
const paragraph = (prose) => ({ kind: 'paragraph', prose });
const list = (items) => (items.length === 0 ? [] : [{ kind: 'list', items }]);
/** A document that RAM takes, as indented JSON. */
const json = (document) => ({ kind: 'code', language: 'json', text: visibleJson(JSON.stringify(document, null, 2)) });
/** Something to be copied as it stands. */
const document_text = (content) => ({ kind: 'code', language: 'text', text: visible(content) });
const yaml = (text) => ({ kind: 'code', language: 'yaml', text });
/** Characters that a reader cannot see, or that reorder what he sees: controls, formats such as the bidirectional ones, line separators, halves of pairs. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
/** The value on one line, with what cannot be seen spelled out as `\u{...}`. */
function visible(value) {
    return value.replace(UNSEEN, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}
/** The same for JSON, in JSON's own escapes, so that it still means the same. Line breaks are the indentation's: those of values are escaped already. */
function visibleJson(text) {
    return text.replace(UNSEEN, (char) => (char === '\n' ? char : unicodeEscapes(char)));
}
function unicodeEscapes(char) {
    return Array.from({ length: char.length }, (_, index) => `\\u${char.charCodeAt(index).toString(16).padStart(4, '0')}`).join('');
}
/** A message that someone else has written, for the log. */
function plainLines(message) {
    return withoutCommands(message.split(/\r?\n/).map(visible).join('\n'));
}
/** The same for the job summary. */
function fencedText(message) {
    return `${fenced('text', plainLines(message))}\n`;
}
/** For the log. Code is indented by two spaces. */
function plainText(title, blocks) {
    const plain = (prose) => prose.map((part) => (typeof part === 'string' ? part : visible(part.value))).join('');
    const indented = (text) => text.replace(/^(?=.)/gm, '  ');
    const rendered = (block) => {
        switch (block.kind) {
            case 'heading':
                return `${block.text}:`;
            case 'paragraph':
                return plain(block.prose);
            case 'list':
                return block.items.map((item) => `- ${plain(item)}`).join('\n');
            case 'fields': {
                const width = Math.max(...block.fields.map(([name]) => name.length));
                return block.fields.map(([name, value]) => `  ${name.padEnd(width)}  ${visible(value)}`).join('\n');
            }
            case 'code':
                return indented(block.text);
        }
    };
    const lines = blocks.map((block, index) => {
        // A heading stands on its text; everything else has air above it.
        const air = blocks[index - 1]?.kind === 'heading' ? '\n' : '\n\n';
        return `${air}${rendered(block)}`;
    });
    return withoutCommands(`${plain(title)}${lines.join('')}`);
}
/** The runner takes "::" at a line's start, and "##[" anywhere in a line, for a command. In JSON the second form still means the same. */
function withoutCommands(text) {
    return text.replace(/^(\s*):(?=:)/gm, '$1\\u{3a}').replaceAll('##[', '##\\u005b');
}
/** For the job summary. */
function markdown(title, blocks) {
    const rendered = (block) => {
        switch (block.kind) {
            case 'heading':
                return `**${block.text}**`;
            case 'paragraph':
                return markdownProse(block.prose);
            case 'list':
                return block.items.map((item) => `- ${markdownProse(item)}`).join('\n');
            case 'fields':
                return block.fields.map(([name, value]) => `- ${escaped(name)}: ${codeSpan(value)}`).join('\n');
            case 'code':
                return fenced(block.language, block.text);
        }
    };
    return [`### ${markdownProse(title)}`, ...blocks.map(rendered)].join('\n\n') + '\n';
}
function markdownProse(prose) {
    return prose
        .map((part) => typeof part === 'string'
        ? part
            .split('`')
            .map((words, index) => (index % 2 === 0 ? escaped(words) : `\`${words}\``))
            .join('')
        : codeSpan(part.value))
        .join('');
}
function escaped(words) {
    return words.replace(/[\\`*_[\]<>#|~$&]/g, '\\$&');
}
/** Within a code span nothing is markup, as long as its fence is longer than any run of backticks inside (CommonMark 6.1). */
function codeSpan(value) {
    const shown = visible(value);
    if (shown.trim() === '')
        return `\`${JSON.stringify(shown)}\``;
    const fence = '`'.repeat(longestRun(shown) + 1);
    const pad = /^[ `]|[ `]$/.test(shown) ? ' ' : '';
    return `${fence}${pad}${shown}${pad}${fence}`;
}
function fenced(language, text) {
    const fence = '`'.repeat(Math.max(3, longestRun(text) + 1));
    return `${fence}${language}\n${text}\n${fence}`;
}
function longestRun(text) {
    return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}

;// CONCATENATED MODULE: ./.cache/build/diagnosis/no-token.js

const PERMISSIONS = `permissions:
  id-token: write
  contents: read`;
/**
 * @param event the parsed event of the run
 * @returns the fault in a few words, and what explains it
 */
function explainNoToken(error, run, event) {
    switch (error.why) {
        case 'no-issuer':
            if (run.notGithub)
                return otherRunner(run);
            if (run.actor === 'dependabot[bot]')
                return dependabot();
            if (isForksPullRequest(run.eventName, event))
                return forksPullRequest();
            return missingPermission(run);
        case 'refused':
            return refused(error);
        case 'file':
            return tokenFile(error);
    }
}
function missingPermission(run) {
    const host = hostOf(run);
    const onGithub = host === undefined || host === 'github.com' || host.endsWith('.ghe.com');
    return {
        fault: say `the job has no permission to ask for an OIDC token (\`id-token: write\`)`,
        blocks: [
            heading('What it means'),
            paragraph(say `GitHub hands out OIDC tokens only to jobs that may write \`id-token\`. Without it the runner sets neither \`ACTIONS_ID_TOKEN_REQUEST_URL\` nor \`ACTIONS_ID_TOKEN_REQUEST_TOKEN\`.`),
            heading('What to do'),
            paragraph(say `Add this to the job, or to the top of the workflow:`),
            yaml(PERMISSIONS),
            ...list([
                say `\`permissions\` takes away every permission that it does not list, so \`contents: read\` (for \`actions/checkout\`) and whatever else the job uses must be there too.`,
                say `In a reusable workflow the job that calls it (\`uses: .../workflow.yml\`) must grant the permission as well.`,
                say `In a composite action it is the job that uses the action.`,
                ...(onGithub
                    ? []
                    : [
                        say `${host} is not github.com. GitHub Enterprise Server has an issuer of its own; where this host is something else and has none, see \`oidc-token-file\`, or use \`access-key-id\` and \`access-key-secret\`.`,
                    ]),
            ]),
        ],
    };
}
function forksPullRequest() {
    return {
        fault: say `this run belongs to a pull request from a fork, and GitHub gives those no OIDC token`,
        blocks: [
            heading('What it means'),
            paragraph(say `The code of a fork is not the repository's own, so GitHub withholds OIDC tokens and secrets from it. No \`permissions\` change that.`),
            heading('What to do'),
            paragraph(say `Let the job, or this step, pass over pull requests from forks:`),
            yaml("if: github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository"),
            paragraph(say `What needs Alibaba Cloud can run after the merge, on \`push\`.`),
        ],
    };
}
function dependabot() {
    return {
        fault: say `Dependabot started this run, and GitHub gives its runs no OIDC token`,
        blocks: [
            heading('What it means'),
            paragraph(say `Runs that Dependabot starts are treated as those of a fork: no OIDC token, and none of the secrets of Actions.`),
            heading('What to do'),
            paragraph(say `Let the job, or this step, pass over Dependabot's runs:`),
            yaml("if: github.actor != 'dependabot[bot]'"),
            paragraph(say `Where the run needs Alibaba Cloud, give it an access key of a RAM user that may do little, as Dependabot secrets (Settings, Secrets and variables, Dependabot), in \`access-key-id\` and \`access-key-secret\`.`),
        ],
    };
}
function otherRunner(run) {
    const host = hostOf(run);
    const where = host === undefined || host === 'github.com'
        ? say `the runner is not GitHub's own (act, for one)`
        : say `the runner is not GitHub's own (it works for ${host})`;
    return {
        fault: say `${where} and has no OIDC issuer`,
        blocks: [
            heading('What it means'),
            paragraph(say `act, Gitea and Forgejo run GitHub's workflows. Where they set no \`ACTIONS_ID_TOKEN_REQUEST_URL\` they have no token to give, and \`permissions\` do not matter.`),
            heading('What to do'),
            ...list([
                say `Use an access key: \`access-key-id\` and \`access-key-secret\`, in place of \`oidc-provider-arn\`.`,
                say `Or, where something else on the machine issues OIDC tokens, put one into a file and name it in \`oidc-token-file\`, beside \`oidc-provider-arn\`.`,
            ]),
        ],
    };
}
function refused({ message, status }) {
    return {
        fault: say `the OIDC issuer refused to issue a token (status ${status ?? 'unknown'})`,
        blocks: [
            paragraph(say `${message}.`),
            heading('What it means'),
            paragraph(status === 401
                ? say `The issuer does not accept the request token of this job. GitHub's are good for about six hours, and then not again for this job.`
                : status === 403
                    ? say `The issuer knows the job and does not let it have a token. The job's \`permissions\`, or a rule of the organisation or enterprise, forbid it.`
                    : say `The issuer does not take the request as it is.`),
            heading('What to do'),
            ...list([
                say `In a job that has run for hours: run this step earlier, or split the job.`,
                say `Otherwise see that the job has \`id-token: write\`, that a caller of a reusable workflow grants it too, and that \`audience\` is what the issuer allows.`,
            ]),
        ],
    };
}
function tokenFile({ message }) {
    return {
        fault: say `${message.replace(/^oidc-token-file: /, 'the token file ')}`,
        blocks: [
            heading('What to do'),
            ...list([
                say `See that \`oidc-token-file\` names the file as this job sees it: a job in a container has other paths than its host.`,
                say `See that whatever writes the file has run before this step, that it writes the JWT alone, and that the runner's user may read it.`,
                say `In ACK the file is there only in pods to which RRSA is injected: \`/var/run/secrets/ack.alibabacloud.com/rrsa-tokens/token\`.`,
            ]),
        ],
    };
}
/**
 * Whether the run belongs to a pull request whose code is another repository's. `pull_request_target` runs the base's code, with tokens.
 * A fork that has been deleted is null in the event. The flag `fork` alone is no sign: a repository that is a fork has pull requests of its own.
 */
function isForksPullRequest(eventName, event) {
    if (eventName === undefined || !/^pull_request(_review|_review_comment)?$/.test(eventName))
        return false;
    const pullRequest = field(event, 'pull_request');
    const head = field(field(pullRequest, 'head'), 'repo');
    if (head === null)
        return true;
    const [headName, baseName] = [field(head, 'full_name'), field(field(field(pullRequest, 'base'), 'repo'), 'full_name')];
    if (typeof headName !== 'string' || typeof baseName !== 'string')
        return field(head, 'fork') === true;
    return headName.toLowerCase() !== baseName.toLowerCase();
}
function field(value, name) {
    return typeof value === 'object' && value !== null ? value[name] : undefined;
}
function hostOf({ serverUrl }) {
    return serverUrl !== undefined && URL.canParse(serverUrl) ? visible(new URL(serverUrl).host) : undefined;
}

;// CONCATENATED MODULE: ./node_modules/jose/dist/webapi/lib/buffer_utils.js
const buffer_utils_encoder = new TextEncoder(), decoder = new TextDecoder(), buffer_utils_strictDecoder = new TextDecoder("utf-8", { fatal: !0 }), UINT32_RANGE = (/* unused pure expression or super */ null && (2 ** 32));
function concat(...buffers) {
  const size = buffers.reduce((acc, { length }) => acc + length, 0), buf = new Uint8Array(size);
  let i = 0;
  for (const buffer of buffers)
    buf.set(buffer, i), i += buffer.length;
  return buf;
}
function writeUInt32BE(buf, value, offset) {
  if (value < 0 || value >= UINT32_RANGE)
    throw new RangeError(`value must be >= 0 and <= ${UINT32_RANGE - 1}. Received ${value}`);
  buf.set([value >>> 24, value >>> 16, value >>> 8, value & 255], offset);
}
function uint64be(value) {
  const high = Math.floor(value / UINT32_RANGE), low = value % UINT32_RANGE, buf = new Uint8Array(8);
  return writeUInt32BE(buf, high, 0), writeUInt32BE(buf, low, 4), buf;
}
function uint32be(value) {
  const buf = new Uint8Array(4);
  return writeUInt32BE(buf, value), buf;
}
const NON_ASCII = /[^\x00-\x7f]/;
function buffer_utils_encode(string) {
  if (typeof string == "string" && string.length >= 128) {
    if (NON_ASCII.test(string))
      throw new TypeError("non-ASCII string encountered in encode()");
    return buffer_utils_encoder.encode(string);
  }
  const bytes = new Uint8Array(string.length);
  for (let i = 0; i < string.length; i++) {
    const code = string.charCodeAt(i);
    if (code > 127)
      throw new TypeError("non-ASCII string encountered in encode()");
    bytes[i] = code;
  }
  return bytes;
}
function buffer_utils_encodeBase64(input, url = !1) {
  if (Uint8Array.prototype.toBase64)
    return input.toBase64({ alphabet: url ? "base64url" : "base64", omitPadding: url });
  const CHUNK_SIZE = 32768, arr = [];
  for (let i = 0; i < input.length; i += CHUNK_SIZE)
    arr.push(String.fromCharCode.apply(null, input.subarray(i, i + CHUNK_SIZE)));
  const encoded = btoa(arr.join(""));
  return url ? encoded.replace(/=/g, "").replace(/\+/g, "-").replace(/\//g, "_") : encoded;
}
function decodeBase64(encoded, url = !1) {
  if (Uint8Array.fromBase64)
    return Uint8Array.fromBase64(encoded, { alphabet: url ? "base64url" : "base64" });
  if (url) {
    if (encoded.includes("+") || encoded.includes("/"))
      throw new TypeError("Invalid base64url");
    encoded = encoded.replace(/-/g, "+").replace(/_/g, "/");
  }
  const binary = atob(encoded), bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++)
    bytes[i] = binary.charCodeAt(i);
  return bytes;
}
async function digest(algorithm, data) {
  const subtleDigest = `SHA-${algorithm.slice(-3)}`;
  return new Uint8Array(await crypto.subtle.digest(subtleDigest, data));
}


;// CONCATENATED MODULE: ./node_modules/jose/dist/webapi/util/base64url.js

const invalid = "The input to be decoded is not correctly encoded.";
function base64url_decode(input) {
  try {
    return decodeBase64(typeof input == "string" ? input : decoder.decode(input), !0);
  } catch (cause) {
    throw new TypeError(invalid, { cause });
  }
}
function base64url_encode(input) {
  return encodeBase64(typeof input == "string" ? encoder.encode(input) : input, !0);
}


;// CONCATENATED MODULE: ./node_modules/jose/dist/webapi/lib/validate.js



function assertUint8Array(input, label) {
  if (!(input instanceof Uint8Array))
    throw new TypeError(`${label} must be an instance of Uint8Array`);
}
function isObject(input) {
  if (typeof input != "object" || input === null || Object.prototype.toString.call(input) !== "[object Object]")
    return !1;
  const prototype = Object.getPrototypeOf(input);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
function isJwkSet(input) {
  return isObject(input) && Array.isArray(input.keys) && Array.from(input.keys).every(isObject);
}
function isDisjoint(...headers) {
  const parameters = /* @__PURE__ */ new Set();
  for (const header of headers)
    if (header)
      for (const parameter of Object.keys(header)) {
        if (parameters.has(parameter))
          return !1;
        parameters.add(parameter);
      }
  return !0;
}
function assertNotSet(value, name) {
  if (value !== void 0)
    throw new TypeError(`${name} can only be called once`);
}
function decodeBase64url(value, label, ErrorClass) {
  try {
    return decode(value);
  } catch (cause) {
    throw new ErrorClass(`Failed to base64url decode the ${label}`, { cause });
  }
}
function encodeAsciiMember(value, label, ErrorClass) {
  try {
    return encode(value);
  } catch (cause) {
    throw new ErrorClass(`The ${label} is not a valid base64url string`, { cause });
  }
}
function parseJoseHeader(encodedProtectedHeader, ErrorClass, message) {
  let parsed;
  try {
    parsed = JSON.parse(strictDecoder.decode(decode(encodedProtectedHeader)));
  } catch (cause) {
    throw new ErrorClass(message, { cause });
  }
  if (!isObject(parsed))
    throw new ErrorClass(message);
  return parsed;
}
const JWS_RECOGNIZED = { __proto__: null, b64: !0 }, JWE_RECOGNIZED = { __proto__: null };
function validateAlgorithms(option, algorithms) {
  if (algorithms !== void 0 && (!Array.isArray(algorithms) || algorithms.some((s) => typeof s != "string")))
    throw new TypeError(`"${option}" option must be an array of strings`);
  return algorithms === void 0 ? void 0 : new Set(algorithms);
}
function validateCritDuplicates(Err, protectedHeader) {
  const { crit } = protectedHeader ?? {};
  if (Array.isArray(crit) && new Set(crit).size !== crit.length)
    throw new Err('"crit" (Critical) Header Parameter MUST NOT contain duplicate values');
}
function validateCrit(Err, recognizedDefault, recognizedOption, protectedHeader, joseHeader) {
  if (joseHeader.crit !== void 0 && protectedHeader?.crit === void 0)
    throw new Err('"crit" (Critical) Header Parameter MUST be integrity protected');
  if (!protectedHeader || protectedHeader.crit === void 0)
    return [];
  if (!Array.isArray(protectedHeader.crit) || protectedHeader.crit.length === 0 || protectedHeader.crit.some((input) => typeof input != "string" || input.length === 0))
    throw new Err('"crit" (Critical) Header Parameter MUST be an array of non-empty strings when present');
  const recognized = recognizedOption === void 0 ? recognizedDefault : { __proto__: null, ...recognizedOption, ...recognizedDefault };
  for (const parameter of protectedHeader.crit) {
    if (!(parameter in recognized))
      throw new JOSENotSupported(`Extension Header Parameter "${parameter}" is not recognized`);
    if (!Object.hasOwn(joseHeader, parameter) || joseHeader[parameter] === void 0)
      throw new Err(`Extension Header Parameter "${parameter}" is missing`);
    if (recognized[parameter] && (!Object.hasOwn(protectedHeader, parameter) || protectedHeader[parameter] === void 0))
      throw new Err(`Extension Header Parameter "${parameter}" MUST be integrity protected`);
  }
  return protectedHeader.crit;
}
function validateB64(protectedHeader, extensions) {
  if (extensions.includes("b64")) {
    const b64 = protectedHeader.b64;
    if (typeof b64 != "boolean")
      throw new JWSInvalid('The "b64" (base64url-encode payload) Header Parameter must be a boolean');
    return b64;
  }
  return !0;
}
function serializeJoseHeader(Err, header) {
  let serialized, parsed;
  try {
    serialized = JSON.stringify(header), parsed = JSON.parse(serialized);
  } catch (cause) {
    throw new Err("JOSE Header is not valid JSON", { cause });
  }
  if (!isObject(parsed))
    throw new Err("JOSE Header is not a JSON object");
  return [parsed, serialized];
}


;// CONCATENATED MODULE: ./node_modules/jose/dist/webapi/util/errors.js
class JOSEError extends Error {
  static code = "ERR_JOSE_GENERIC";
  code = "ERR_JOSE_GENERIC";
  constructor(message, options) {
    super(message, options), this.name = this.constructor.name, Error.captureStackTrace?.(this, this.constructor);
  }
}
class JWTClaimValidationFailed extends JOSEError {
  static code = "ERR_JWT_CLAIM_VALIDATION_FAILED";
  code = "ERR_JWT_CLAIM_VALIDATION_FAILED";
  claim;
  reason;
  payload;
  constructor(message, payload, claim = "unspecified", reason = "unspecified") {
    super(message, { cause: { claim, reason, payload } }), this.claim = claim, this.reason = reason, this.payload = payload;
  }
}
class JWTExpired extends JOSEError {
  static code = "ERR_JWT_EXPIRED";
  code = "ERR_JWT_EXPIRED";
  claim;
  reason;
  payload;
  constructor(message, payload, claim = "unspecified", reason = "unspecified") {
    super(message, { cause: { claim, reason, payload } }), this.claim = claim, this.reason = reason, this.payload = payload;
  }
}
class JOSEAlgNotAllowed extends (/* unused pure expression or super */ null && (JOSEError)) {
  static code = (/* unused pure expression or super */ null && ("ERR_JOSE_ALG_NOT_ALLOWED"));
  code = "ERR_JOSE_ALG_NOT_ALLOWED";
}
class errors_JOSENotSupported extends (/* unused pure expression or super */ null && (JOSEError)) {
  static code = (/* unused pure expression or super */ null && ("ERR_JOSE_NOT_SUPPORTED"));
  code = "ERR_JOSE_NOT_SUPPORTED";
}
class JWEDecryptionFailed extends JOSEError {
  static code = "ERR_JWE_DECRYPTION_FAILED";
  code = "ERR_JWE_DECRYPTION_FAILED";
  constructor(message = "decryption operation failed", options) {
    super(message, options);
  }
}
class JWEInvalid extends (/* unused pure expression or super */ null && (JOSEError)) {
  static code = (/* unused pure expression or super */ null && ("ERR_JWE_INVALID"));
  code = "ERR_JWE_INVALID";
}
class errors_JWSInvalid extends (/* unused pure expression or super */ null && (JOSEError)) {
  static code = (/* unused pure expression or super */ null && ("ERR_JWS_INVALID"));
  code = "ERR_JWS_INVALID";
}
class JWTInvalid extends JOSEError {
  static code = "ERR_JWT_INVALID";
  code = "ERR_JWT_INVALID";
}
class JWKInvalid extends (/* unused pure expression or super */ null && (JOSEError)) {
  static code = (/* unused pure expression or super */ null && ("ERR_JWK_INVALID"));
  code = "ERR_JWK_INVALID";
}
class JWKSInvalid extends (/* unused pure expression or super */ null && (JOSEError)) {
  static code = (/* unused pure expression or super */ null && ("ERR_JWKS_INVALID"));
  code = "ERR_JWKS_INVALID";
}
class JWKSNoMatchingKey extends JOSEError {
  static code = "ERR_JWKS_NO_MATCHING_KEY";
  code = "ERR_JWKS_NO_MATCHING_KEY";
  constructor(message = "no applicable key found in the JSON Web Key Set", options) {
    super(message, options);
  }
}
class JWKSMultipleMatchingKeys extends JOSEError {
  [Symbol.asyncIterator] = async function* () {
  };
  static code = "ERR_JWKS_MULTIPLE_MATCHING_KEYS";
  code = "ERR_JWKS_MULTIPLE_MATCHING_KEYS";
  constructor(message = "multiple matching keys found in the JSON Web Key Set", options) {
    super(message, options);
  }
}
class JWKSTimeout extends JOSEError {
  static code = "ERR_JWKS_TIMEOUT";
  code = "ERR_JWKS_TIMEOUT";
  constructor(message = "request timed out", options) {
    super(message, options);
  }
}
class JWSSignatureVerificationFailed extends JOSEError {
  static code = "ERR_JWS_SIGNATURE_VERIFICATION_FAILED";
  code = "ERR_JWS_SIGNATURE_VERIFICATION_FAILED";
  constructor(message = "signature verification failed", options) {
    super(message, options);
  }
}


;// CONCATENATED MODULE: ./node_modules/jose/dist/webapi/util/decode_jwt.js




function decodeJwt(jwt) {
  if (typeof jwt != "string")
    throw new JWTInvalid("JWTs must use Compact JWS serialization, JWT must be a string");
  const { 1: encodedPayload, length } = jwt.split(".");
  if (length === 5)
    throw new JWTInvalid("Only JWTs using Compact JWS serialization can be decoded");
  if (length !== 3)
    throw new JWTInvalid("Invalid JWT");
  if (!encodedPayload)
    throw new JWTInvalid("JWTs must contain a payload");
  let claimsSetBytes;
  try {
    claimsSetBytes = base64url_decode(encodedPayload);
  } catch (cause) {
    throw new JWTInvalid("Failed to base64url decode the payload", { cause });
  }
  let claimsSet;
  try {
    claimsSet = JSON.parse(buffer_utils_strictDecoder.decode(claimsSetBytes));
  } catch (cause) {
    throw new JWTInvalid("Failed to parse the decoded payload as JSON", { cause });
  }
  if (!isObject(claimsSet))
    throw new JWTInvalid("Invalid JWT Claims Set");
  return claimsSet;
}


// EXTERNAL MODULE: ./.cache/build/inputs.js + 1 modules
var inputs = __webpack_require__(1620);
;// CONCATENATED MODULE: ./.cache/build/diagnosis/oidc-subject.js
/** What a refused OIDC token says about itself, and why a trust policy may not have known it. */




/** Undefined where the token cannot be read. */
function safeClaims(token) {
    let claims;
    try {
        // Decoded, not verified: nothing is decided by these claims. They are shown beside the verdict of STS, which has verified them.
        claims = decodeJwt(token);
    }
    catch {
        return undefined;
    }
    const text = (name) => {
        const value = claims[name];
        return typeof value === 'string' && value !== '' ? value : undefined;
    };
    return {
        issuer: text('iss'),
        subject: text('sub'),
        audiences: [claims.aud].flat().filter((item) => typeof item === 'string'),
        repository: text('repository'),
        ref: text('ref'),
        environment: text('environment'),
        jobWorkflowRef: text('job_workflow_ref'),
        eventName: text('event_name'),
        actor: text('actor'),
    };
}
/** The claims as name and value, in the order in which they matter; event and actor only where they explain the subject. */
function claimFields(claims) {
    const pullRequest = claims.eventName?.startsWith('pull_request') === true;
    const bot = claims.actor?.endsWith('[bot]') === true;
    const fields = [
        ['iss', claims.issuer],
        ['sub', claims.subject],
        ['aud', claims.audiences.length === 0 ? undefined : claims.audiences.join(', ')],
        ['repository', claims.repository],
        ['ref', claims.ref],
        ['environment', claims.environment],
        ['job_workflow_ref', claims.jobWorkflowRef],
        ['event_name', pullRequest || bot ? claims.eventName : undefined],
        ['actor', pullRequest || bot ? claims.actor : undefined],
    ];
    return fields.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
}
function readSubject(subject) {
    const match = /^repo:([^/:@]+)(@\d+)?\/([^/:@]+)(@\d+)?:(.+)$/s.exec(subject);
    if (match === null) {
        return {
            form: subject.startsWith('system:serviceaccount:') ? 'service-account' : 'custom',
            repository: undefined,
            withoutIds: undefined,
        };
    }
    const [, owner = '', ownerId, repo = '', repoId, context = ''] = match;
    const immutable = ownerId !== undefined && repoId !== undefined;
    return {
        form: formOf(context),
        repository: `repo:${owner}${ownerId ?? ''}/${repo}${repoId ?? ''}`,
        withoutIds: immutable ? `repo:${owner}/${repo}:${context}` : undefined,
    };
}
function formOf(context) {
    if (context === 'pull_request')
        return 'pull-request';
    // A colon within a value is written %3A, so that one more colon means one more claim: a template.
    if (/^environment:[^:]+$/.test(context))
        return 'environment';
    if (/^ref:refs\/heads\/[^:]+$/.test(context))
        return 'branch';
    if (/^ref:refs\/tags\/[^:]+$/.test(context))
        return 'tag';
    return 'custom';
}
/** Why a role's trust policy may not have matched the token, the likeliest first. */
function likelyMismatches(claims, providerArn, roleArn) {
    const { subject = '', issuer = '', audiences, repository } = claims;
    const { form, repository: prefix, withoutIds } = readSubject(subject);
    const reasons = [];
    const [providerAccount, roleAccount] = [(0,build_arn/* parseArn */.Lw)(providerArn)?.accountId, (0,build_arn/* parseArn */.Lw)(roleArn)?.accountId];
    if (providerAccount !== roleAccount) {
        reasons.push(say `The provider: ${providerArn} is of account ${providerAccount ?? ''}, the role of account ${roleAccount ?? ''}. A role trusts the providers of its own account.`);
    }
    if (withoutIds !== undefined) {
        reasons.push(say `The subject has the immutable form, in which the IDs of owner and repository stand behind their names. GitHub sends it for repositories created, renamed or transferred after 2026-07-15, and for those that chose it. A trust policy written for ${withoutIds} does not match it.`);
    }
    switch (form) {
        case 'environment':
            reasons.push(say `The job names an environment, so the subject ends with the environment. A trust policy for a branch (\`ref:refs/heads/...\`) does not match it.`);
            break;
        case 'pull-request':
            reasons.push(say `The run belongs to a pull request, so the subject ends with \`pull_request\` and names no branch. A trust policy for a branch does not match it, and often it should not: a pull request runs code that nobody has reviewed yet.`);
            break;
        case 'tag':
            reasons.push(say `The run belongs to a tag. A trust policy for branches (\`ref:refs/heads/...\`) does not match it.`);
            break;
        case 'branch':
            reasons.push(say `The subject names the branch. A trust policy for another branch, for an environment or for pull requests does not match it.`);
            break;
        case 'custom':
            reasons.push(say `The subject is not in one of GitHub's default forms: a template of the organisation or the repository makes it (${"GitHub's REST API, actions/oidc/customization/sub"}), or another issuer does. The trust policy has to say it as the template writes it.`);
            break;
        case 'service-account':
            reasons.push(say `The subject is a Kubernetes service account. A trust policy for another namespace or account does not match it, nor one for a workflow.`);
            break;
    }
    if (/%3A/i.test(subject))
        reasons.push(say `A colon within a name is written \`%3A\` in the subject. The trust policy has to write it so too.`);
    reasons.push(prefix !== undefined && repository !== undefined && repository !== repository.toLowerCase()
        ? say `Upper and lower case count: the repository is ${repository}, in just these letters.`
        : say `Upper and lower case count, in every part.`);
    if (!audiences.includes(inputs/* DEFAULTS */.zY.audience)) {
        reasons.push(say `The audience is not ${inputs/* DEFAULTS */.zY.audience}, which most trust policies ask for in \`oidc:aud\`.`);
    }
    if (/^https:\/\/token\.actions\.githubusercontent\.com\/./.test(issuer)) {
        reasons.push(say `The issuer ends with the name of an enterprise. \`oidc:iss\` has to have it too.`);
    }
    return reasons;
}
/** In words, how the policy for one subject becomes one for several. */
function widenings(subject) {
    const { form, repository } = readSubject(subject);
    if (repository === undefined || form === 'custom') {
        return [say `what changes from run to run: write \`*\` in its place`];
    }
    return [
        say `every branch: ${`${repository}:ref:refs/heads/*`}`,
        say `the branches under release: ${`${repository}:ref:refs/heads/release/*`}`,
        form === 'environment'
            ? say `the jobs of every environment: ${`${repository}:environment:*`}`
            : say `the jobs of an environment, whatever their branch: ${`${repository}:environment:<name>`} (GitHub lets you say who and what may deploy to it)`,
    ];
}

;// CONCATENATED MODULE: ./.cache/build/diagnosis/policies.js
/** RAM policies that would let a caller in: documents as RAM's console takes them, for a person to paste. */
/** The role's trust policy for exactly this OIDC identity (RAM knows the condition keys oidc:iss, oidc:aud and oidc:sub, and no other). */
function trustOfOidcToken(providerArn, token) {
    const [only, ...more] = token.audiences;
    return policy({
        Effect: 'Allow',
        Action: 'sts:AssumeRole',
        Principal: { Federated: [providerArn] },
        Condition: {
            StringEquals: {
                'oidc:iss': token.issuer,
                'oidc:aud': more.length === 0 ? only : token.audiences,
                'oidc:sub': token.subject,
            },
        },
    });
}
/** The role's trust policy for a RAM user, a role, or (`acs:ram::<account>:root`) whoever in an account is allowed to ask. */
function trustOfCaller(callerArn, terms) {
    return policy({
        Effect: 'Allow',
        Action: actions(terms),
        Principal: { RAM: [callerArn] },
        ...(terms.externalId === undefined ? {} : { Condition: { StringEquals: { 'sts:ExternalId': terms.externalId } } }),
    });
}
/** The caller's own policy. */
function permissionToAssume(roleArn, terms) {
    return policy({ Effect: 'Allow', Action: actions(terms), Resource: roleArn });
}
function actions({ setsSourceIdentity }) {
    return setsSourceIdentity ? ['sts:AssumeRole', 'sts:SetSourceIdentity'] : 'sts:AssumeRole';
}
function policy(statement) {
    return { Version: '1', Statement: [statement] };
}

;// CONCATENATED MODULE: ./.cache/build/diagnosis/sts-codes.js

const ROOT_WORDS = 'Roles may not be assumed by root accounts.';
const FINGERPRINT_FIX = 'In the RAM console open the OIDC provider (SSO management) and fetch the fingerprint again. Store that of the root CA, not of an intermediate or of the server: GitHub changed its intermediate on 2026-05-13, and providers that held it stopped working.';
const STS_ANSWERS = [
    {
        codes: ['AuthenticationFail.NoPermission'],
        words: /no such oidc provider/i,
        says: 'No such OIDC Provider registered.',
        fault: 'there is no such OIDC provider',
        cause: 'RAM knows no OIDC provider of the ARN in `oidc-provider-arn`. STS has not looked at the token, nor at the role.',
        fix: [
            'Compare `oidc-provider-arn` with the ARN in the RAM console (SSO management, role-based SSO, OIDC): account ID, name, upper and lower case.',
            "Where there is no provider yet, create one, with the token's issuer as issuer URL and its audience as client ID.",
        ],
        here: ({ inputs: { source } }) => (source.kind === 'oidc' ? [say `\`oidc-provider-arn\` is ${source.providerArn}.`] : []),
        exhibit: 'provider',
    },
    {
        codes: ['AuthenticationFail.NoPermission'],
        says: 'There is no permission',
        fault: 'its trust policy does not let this OIDC token in',
        cause: "RAM knows the provider and accepts the token's signature, issuer and audience. It is the role's trust policy that does not match: its `Principal.Federated`, or one of its conditions on `oidc:iss`, `oidc:aud` and `oidc:sub`.",
        fix: [
            "Compare the role's trust policy (RAM console, Identities, Roles, Trust policy) with the token's claims letter by letter, `oidc:sub` first. Or take the policy that the step prints: it fits the token.",
        ],
        exhibit: 'trust',
    },
    {
        codes: ['AuthenticationFail.OIDCToken.AudienceNotMatch'],
        says: 'Invalid audience.',
        fault: 'the OIDC provider does not know the audience of the token',
        cause: "The token's audience (`aud`) is not among the client IDs of the OIDC provider in RAM. No trust policy can mend that.",
        fix: [
            'Add the audience to the client IDs of the provider (RAM console, SSO management, OIDC), or set `audience` to a client ID that it has. Both are compared letter by letter.',
        ],
        here: ({ inputs: { source } }) => source.kind !== 'oidc'
            ? []
            : source.tokenFile === undefined
                ? [say `\`audience\` is ${source.audience}.`]
                : [
                    say `The token was read from ${source.tokenFile}: its audience is chosen by whoever writes that file, and \`audience\` has no say.`,
                ],
        exhibit: 'provider',
    },
    {
        codes: ['AuthenticationFail.OIDCToken.IssuerNotMatch'],
        fault: 'the token comes from another issuer than the OIDC provider has',
        cause: "The token's issuer (`iss`) is not the issuer URL of the OIDC provider in RAM. No trust policy can mend that.",
        fix: [
            'Create a provider with exactly this issuer URL (no slash at the end) and give its ARN in `oidc-provider-arn`. The issuer URL of an existing provider cannot be changed.',
        ],
        exhibit: 'provider',
    },
    {
        codes: ['AuthenticationFail.OIDCToken.Expired'],
        says: 'This JsonWebToken is expired.',
        fault: 'the OIDC token has expired',
        cause: 'The token was too old when STS looked at it, and so was a newly fetched one where there was an attempt left for it.',
        fix: [
            'With `oidc-token-file`: let whatever writes the file keep it fresh; the file is read again at each attempt.',
            "Otherwise look at the clocks of the issuer's host (GitHub Enterprise Server): a clock that is behind issues tokens that are old at birth.",
        ],
        here: ({ inputs: { source } }) => source.kind === 'oidc' && source.tokenFile !== undefined ? [say `The token was read from ${source.tokenFile}.`] : [],
    },
    {
        codes: ['AuthenticationFail.OIDCToken.Invalid'],
        says: 'This JsonWebToken is invalid.',
        fault: 'the OIDC token is malformed',
        cause: 'STS cannot read the token, or claims that it needs (`iss`, `sub`, `aud`, `exp`, `iat`) are missing.',
        fix: [
            'With `oidc-token-file`: see that the file holds the whole JWT and nothing else. Otherwise a proxy may have changed the request.',
        ],
        exhibit: 'provider',
    },
    {
        codes: ['AuthenticationFail.OIDCToken.InvalidSignature'],
        fault: "the OIDC token's signature does not match its issuer's keys",
        cause: 'The token was signed by another key than the issuer publishes. Either the issuer has just changed its keys, or the token is not its.',
        fix: [
            "Run the job again after some minutes. If it stays so, compare the token's issuer with the OIDC provider's issuer URL, and see that the keys under its `/.well-known/openid-configuration` can be read from the internet.",
        ],
        exhibit: 'provider',
    },
    {
        codes: ['AuthenticationFail.OIDCToken.PublicKeyFingerprintMismatch', 'AuthenticationFail.OIDCToken.HttpsUrlInvalid'],
        says: 'The https fingerprint of this discovery is invalid.',
        fault: "the OIDC provider's fingerprint does not match the issuer's certificates",
        cause: "RAM fetched the issuer's keys and met a certificate chain whose fingerprint is not among the provider's.",
        fix: [FINGERPRINT_FIX],
        exhibit: 'provider',
    },
    {
        codes: ['AuthenticationFail.OIDCToken.IssuerConfigurationBroken'],
        says: 'Get public keys from OIDC Provider failed',
        fault: "RAM cannot fetch the issuer's keys",
        cause: "RAM asks the issuer's `/.well-known/openid-configuration` and the keys that it names, over the internet, and got no usable answer.",
        fix: [
            'For github.com: look at githubstatus.com and run the job again.',
            'For an issuer of your own (GitHub Enterprise Server, Kubernetes): both addresses must be reachable from the internet without a login, over TLS with a public CA.',
        ],
        exhibit: 'provider',
    },
    {
        codes: ['AuthenticationFail.OIDCToken.*', 'AuthenticationFail.*'],
        fault: 'STS does not accept the OIDC token',
        cause: 'Something about the token or its OIDC provider in RAM is not as STS expects it; its own words say what.',
        fix: ["Compare the provider's issuer URL, client IDs and fingerprints with the token's claims."],
        exhibit: 'provider',
    },
    {
        codes: ['NoPermission'],
        words: /root accounts?/i,
        says: ROOT_WORDS,
        fault: "the access key is the root account's, which may not assume roles",
        cause: 'The key belongs to the Alibaba Cloud account itself. Only RAM users and roles may assume a role, whatever the policies say.',
        fix: [
            "Create a RAM user for the CI, let it assume this role (the step prints the policy), and use its access key. Then delete the root account's key: it opens everything in the account.",
        ],
        exhibit: 'new-user',
    },
    {
        codes: ['NoPermission'],
        words: /should be authorized by RAM/i,
        says: 'You are not authorized to do this action. You should be authorized by RAM.',
        fault: 'the caller is not allowed to assume it',
        cause: "The caller's own policies do not allow `sts:AssumeRole` on this role. (Where they do, for example by the system policy `AliyunSTSAssumeRoleAccess`, the role's trust policy does not name the caller.)",
        fix: ["Attach a policy that allows it to the caller, and see that the role's trust policy names the caller: both sides have to agree."],
        exhibit: 'both-sides',
    },
    {
        codes: ['NoPermission'],
        says: 'No permission perform sts:AssumeRole on this Role. Maybe you are not authorized to perform sts:AssumeRole or the specified role does not trust you.',
        fault: 'the role does not trust the caller, or the caller is not allowed to assume it',
        cause: "Two sides have to agree: the caller's own policies must allow `sts:AssumeRole` on this role, and the role's trust policy must name the caller.",
        fix: [
            'Compare both sides with the policies that the step prints. Where the trust policy has conditions (`sts:ExternalId`, source addresses), they must hold too.',
        ],
        exhibit: 'both-sides',
    },
    {
        codes: ['EntityNotExist.Role'],
        says: 'The specified Role not exists.',
        fault: 'there is no such role',
        cause: 'RAM knows no role of the ARN in `role-to-assume`.',
        fix: ['Compare it with the ARN in the RAM console (Identities, Roles): account ID, name, upper and lower case.'],
    },
    {
        codes: ['EntityNotExist.*'],
        says: 'The specified ... not exists.',
        fault: 'something that the request names does not exist',
        cause: 'RAM does not know what the request names; its own words say what.',
        fix: ['Compare `role-to-assume` and `oidc-provider-arn` with the ARNs in the RAM console.'],
    },
    {
        codes: ['InvalidParameter.DurationSeconds'],
        says: 'The Min/Max value of DurationSeconds is 15min/1hr.',
        fault: 'the role does not allow a session this long',
        cause: "A session lasts from 900 seconds to the role's MaxSessionDuration, which is 3600 seconds unless someone has raised it (43200 at most).",
        fix: [
            'Ask for less with `role-duration-seconds`, or raise the maximum of the role: in the RAM console, or with `aliyun ram UpdateRole --RoleName <role> --NewMaxSessionDuration <seconds>`.',
        ],
        here: ({ durationSeconds, roleArn }) => durationSeconds === undefined || roleArn === undefined
            ? []
            : [say `\`role-duration-seconds\` is ${durationSeconds}; the MaxSessionDuration of ${roleArn} is what limits it.`],
    },
    {
        codes: ['InvalidParameter.RoleArn'],
        says: 'The parameter RoleArn is wrongly formed.',
        fault: 'the ARN of the role is malformed',
        cause: 'An ARN of a role is `acs:ram::<account ID>:role/<role name>`, the name of 1 to 64 letters, digits, dots and hyphens.',
        fix: ['Copy the ARN from the RAM console into `role-to-assume`.'],
        here: ({ roleArn }) => (roleArn === undefined ? [] : [say `\`role-to-assume\` holds ${roleArn}.`]),
    },
    {
        codes: ['InvalidParameter.RoleSessionName'],
        says: 'The parameter RoleSessionName is wrongly formed.',
        fault: "the session's name is malformed",
        cause: "A session's name is 2 to 64 letters, digits and `.` `@` `_` `-`.",
        fix: ['Change `role-session-name`, or leave it out.'],
        here: ({ inputs }) => [say `The session's name is ${inputs.session.roleSessionName}.`],
    },
    {
        codes: ['InvalidParameter.ExternalId'],
        says: 'The parameter ExternalId is wrongly formed.',
        fault: 'the external ID is malformed',
        cause: 'An external ID is 2 to 1224 letters, digits and `_` `+` `=` `,` `.` `@` `:` `/` `-`.',
        fix: ['Change `role-external-id`.'],
        here: ({ inputs }) => (inputs.session.externalId === undefined ? [] : [say `\`role-external-id\` is ${inputs.session.externalId}.`]),
    },
    {
        codes: ['InvalidParameter.SourceIdentity'],
        says: 'The parameter SourceIdentity is wrongly formed.',
        fault: 'the source identity is malformed, or not the one that the session has already',
        cause: 'A source identity is 2 to 64 letters, digits and `_` `+` `=` `,` `.` `@` `-`, and does not begin with `acs:`, `aliyun:` or `alibabacloud:`. It cannot be changed once a session has one.',
        fix: ['Change `source-identity`, or leave it out where the caller is a session that has one.'],
        here: ({ inputs }) => inputs.session.sourceIdentity === undefined ? [] : [say `\`source-identity\` is ${inputs.session.sourceIdentity}.`],
    },
    {
        codes: ['InvalidParameter.PolicyGrammar'],
        says: 'The parameter Policy has not passed grammar check.',
        fault: 'RAM does not accept the session policy',
        cause: 'The session policy is JSON, but not a policy: an element is missing, misspelt or unknown to RAM.',
        fix: [
            'Correct `inline-session-policy`: `"Version": "1"`, and in `Statement` for each entry `Effect`, `Action` and `Resource`. The policy editor of the RAM console shows what is wrong.',
        ],
    },
    {
        codes: ['InvalidParameter.PolicySize'],
        says: 'The size of Policy must be smaller than 2048 bytes.',
        fault: 'the session policy is too long',
        cause: 'STS takes a session policy of 2048 bytes at most. The step sends it without white space.',
        fix: ["Shorten `inline-session-policy` (patterns with `*` in place of lists), or put the rule into the role's own policies."],
        here: ({ inputs: { session } }) => session.policy === undefined
            ? []
            : [say `Without white space \`inline-session-policy\` has ${Buffer.byteLength(session.policy)} bytes.`],
    },
    {
        codes: ['InvalidParameter', 'InvalidParameter.*'],
        says: 'The parameter ... is wrongly formed.',
        fault: 'STS does not accept one of the values',
        cause: 'A value that the step sent is not in the form that STS asks for; its own words say which.',
        fix: ['Correct the input of that name. If none of the inputs is at fault, please report it with the RequestId.'],
    },
    {
        codes: ['InvalidAccessKeyId.NotFound'],
        says: 'Specified access key is not found.',
        fault: 'Alibaba Cloud does not know the access key ID',
        cause: 'The key was deleted, was pasted wrongly, or is no access key ID of Alibaba Cloud at all.',
        fix: [
            'Compare the ID with the RAM console (the user, AccessKey), and set the secret of the repository or environment again: the ID in `access-key-id`, the secret in `access-key-secret`.',
        ],
        here: keyShape,
    },
    {
        codes: ['InvalidAccessKeyId.Inactive'],
        says: 'Specified access key is disabled.',
        fault: 'the access key is disabled',
        cause: 'The key exists, but someone has disabled it, or Alibaba Cloud has, as it does with keys that were found in public.',
        fix: ['Ask why it was disabled. Then enable it in the RAM console, or better create a new key and put it in its place.'],
        here: keyOrigin,
    },
    {
        codes: ['InvalidAccessKeyId.*'],
        fault: 'Alibaba Cloud does not accept the access key ID',
        cause: "Something about the access key's ID is not as STS expects it; its own words say what.",
        fix: ['Look at the key in the RAM console.'],
        here: keyShape,
    },
    {
        codes: ['SignatureDoesNotMatch'],
        says: 'Specified signature is not matched with our calculation.',
        fault: 'the access key secret does not belong to the access key ID',
        cause: 'STS knows the ID, but the secret that signed the request is another one: of another key, cut off, or pasted wrongly.',
        fix: ['Set both again, from one and the same key. A secret that is lost cannot be read in RAM again: create a new key then.'],
        here: keyShape,
    },
    {
        codes: ['MissingSecurityToken'],
        says: 'SecurityToken is mandatory for this action.',
        fault: 'the key is a temporary one, and its security token is missing',
        cause: 'A key whose ID begins with `STS.` works only together with the security token that it was issued with.',
        fix: ['Give all three parts of the key: `access-key-id`, `access-key-secret` and `security-token`.'],
        here: keyOrigin,
    },
    {
        codes: ['InvalidSecurityToken.Expired'],
        says: 'Specified SecurityToken is expired.',
        fault: 'the session that the key belongs to has ended',
        cause: 'The temporary key is past its expiry. A temporary key that is kept as a secret of a repository stops working like this after hours.',
        fix: [
            'Use a new session: run the step that makes it again, or let this step make it, from an OIDC token or the access key of a RAM user.',
        ],
        here: keyOrigin,
    },
    {
        codes: ['InvalidSecurityToken.MismatchWithAccessKey'],
        says: 'Specified SecurityToken mismatch with the AccessKey.',
        fault: 'the security token belongs to another key',
        cause: 'The ID and the token come from two different sessions, or a token was given with a key that has none.',
        fix: ['Give the three parts of one key, or leave `security-token` out where the key is a long-lived one.'],
        here: keyOrigin,
    },
    {
        codes: ['InvalidSecurityToken.Malformed', 'InvalidSecurityToken.*'],
        says: 'Specified SecurityToken is malformed.',
        fault: 'the security token is malformed',
        cause: 'The token is cut off, was pasted with something else, or is no security token of Alibaba Cloud.',
        fix: ['Give the whole token as STS issued it. It is several hundred characters long, on one line.'],
        here: keyOrigin,
    },
    {
        codes: ['InvalidTimeStamp.Expired'],
        says: 'Specified time stamp or date value is expired.',
        fault: "this machine's clock is wrong",
        cause: 'STS takes requests whose time is within 15 minutes of its own.',
        fix: ['Set the clock of the runner (`timedatectl set-ntp true` on Linux; virtual machines that were paused often lag).'],
        here: ({ error: { clockSkewMs } }) => clockSkewMs === undefined ? [] : [say `By the time of its answer this machine's clock is ${clockOff(clockSkewMs)}.`],
    },
    {
        codes: ['InvalidTimeStamp.Format', 'InvalidTimeStamp.*'],
        says: 'Specified time stamp or date value is not well formatted.',
        fault: 'STS cannot read the time of the request',
        cause: 'The step writes the time itself, so either something between here and STS changes requests, or the step is at fault.',
        fix: ['Try without the proxy, if there is one. If it stays so, please report it with the RequestId.'],
    },
    {
        codes: ['SignatureNonceUsed'],
        says: 'Specified signature nonce was used already.',
        fault: 'STS has seen this very request before',
        cause: 'Each attempt carries a new nonce, so something between here and STS sends requests twice (a proxy that tries again by itself).',
        fix: ['Run the job again. If it comes back, look at the proxy.'],
    },
    {
        codes: ['Throttling', 'Throttling.User', 'Throttling.Api', 'Throttling.*'],
        says: 'Request was denied due to request throttling.',
        fault: 'STS is throttling this account',
        cause: 'STS answers 100 AssumeRole calls a second for the whole account; every job, tool and service of the account shares them.',
        fix: [
            'Run the job again. If it comes back, start fewer jobs at the same moment (a matrix with `max-parallel`, schedules that are not all on the hour), or raise `retry-max-attempts` and `timeout-seconds`.',
        ],
    },
    {
        codes: ['InternalError', 'ServiceUnavailable'],
        says: 'The request processing has failed due to some unknown error.',
        fault: 'STS has a fault of its own',
        cause: 'The fault is with Alibaba Cloud, and mostly a short one.',
        fix: [
            "Run the job again. If it stays so, look at Alibaba Cloud's status page (status.alibabacloud.com), try another endpoint with `region`, or raise `retry-max-attempts` and `timeout-seconds`.",
        ],
    },
    {
        codes: ['InvalidProtocol.NeedSsl'],
        says: 'Your request is denied as lack of ssl protect.',
        fault: 'STS was asked without TLS',
        cause: 'The request reached STS over plain HTTP: the endpoint is wrong, or something on the way takes the TLS off.',
        fix: ['Leave `sts-endpoint` out, or give a host name of STS, such as `sts.cn-hangzhou.aliyuncs.com`.'],
        here: endpoint,
    },
    {
        codes: ['InvalidApi.NotFound', 'InvalidProduct.NotFound'],
        says: 'Specified api is not found, please check your url and method.',
        fault: 'the endpoint is not one of STS',
        cause: 'A service of Alibaba Cloud answered, but not STS.',
        fix: ['Leave `sts-endpoint` out, or give a host name of STS, such as `sts.cn-hangzhou.aliyuncs.com`.'],
        here: endpoint,
    },
];
/**
 * The row of an answer; undefined where STS says something that the table does not know.
 *
 * @param byRoot true where GetCallerIdentity has shown that a root account asked, whatever words STS found for its refusal
 */
function stsAnswer(error, byRoot) {
    const denied = error.code === 'NoPermission';
    // An OIDC token has no policies of its own: whatever denies it is the trust policy.
    const code = denied && error.call === 'AssumeRoleWithOIDC' ? 'AuthenticationFail.NoPermission' : error.code;
    const words = denied && byRoot ? ROOT_WORDS : error.reason;
    const inFamily = (known) => known.endsWith('.*') && code.startsWith(known.slice(0, -1));
    return (STS_ANSWERS.find((answer) => answer.codes.includes(code) && (answer.words?.test(words) ?? true)) ??
        STS_ANSWERS.find((answer) => answer.codes.some(inFamily)));
}
/** "17 min 3 s behind", from the server's clock less ours. */
function clockOff(skewMs) {
    const seconds = Math.round(Math.abs(skewMs) / 1000);
    const parts = [
        [Math.floor(seconds / 86_400), 'd'],
        [Math.floor(seconds / 3600) % 24, 'h'],
        [Math.floor(seconds / 60) % 60, 'min'],
        [seconds % 60, 's'],
    ];
    const shown = parts.filter(([amount]) => amount > 0).map(([amount, unit]) => `${amount} ${unit}`);
    return shown.length === 0 ? 'right' : `${shown.join(' ')} ${skewMs > 0 ? 'behind' : 'ahead'}`;
}
/** Where the refused key came from. */
function keyOrigin({ inputs: { source }, asker }) {
    if (asker !== 'key')
        return [];
    switch (source.kind) {
        case 'oidc':
            return [];
        case 'access-key':
            return [
                say `The key comes from the inputs \`access-key-id\` and \`access-key-secret\`${source.key.securityToken === undefined ? [''] : [', with a `security-token`']}.`,
            ];
        case 'environment':
            return [
                say `The key comes from the job's environment (\`ALIBABA_CLOUD_ACCESS_KEY_ID\` and its like), as \`credential-source\` asks: an earlier step or the runner's own settings put it there.`,
            ];
        case 'ecs-ram-role':
            return [say `The key comes from the metadata service of this ECS instance.`];
    }
}
/** The same, with what the key's form gives away; the key itself is never shown. */
function keyShape(facts) {
    const { source } = facts.inputs;
    if (facts.asker !== 'key' || !('key' in source))
        return keyOrigin(facts);
    const { accessKeyId, accessKeySecret } = source.key;
    const likeAnId = /^(LTAI|STS\.)/;
    if (likeAnId.test(accessKeySecret) && !likeAnId.test(accessKeyId)) {
        return [...keyOrigin(facts), say `The secret looks like an access key ID: the two seem to have been exchanged.`];
    }
    if (likeAnId.test(accessKeySecret))
        return [...keyOrigin(facts), say `The secret looks like an access key ID.`];
    if (!likeAnId.test(accessKeyId)) {
        return [
            ...keyOrigin(facts),
            say `The ID does not look like one of Alibaba Cloud's, which begin with \`LTAI\` (or \`STS.\` for a temporary key).`,
        ];
    }
    return keyOrigin(facts);
}
function endpoint({ error: { host }, inputs: { region } }) {
    return [say `The endpoint is ${host}${region === undefined ? [''] : say `, and \`region\` is ${region}`}.`];
}

// EXTERNAL MODULE: ./.cache/build/sts/endpoint.js
var sts_endpoint = __webpack_require__(8147);
;// CONCATENATED MODULE: ./.cache/build/diagnosis/transport-faults.js


const EXTRA_CA = `env:
  NODE_EXTRA_CA_CERTS: /etc/ssl/certs/company-ca.pem`;
/** @returns the fault in a few words, and what explains it */
function explainTransport(error, inputs) {
    const { fault, means, todo, example } = told(error, inputs);
    return {
        fault,
        blocks: [
            paragraph(say `What happened: ${error.message}`),
            heading('What it means'),
            paragraph(means),
            heading('What to do'),
            ...list(todo),
            ...(example === undefined ? [] : [paragraph(say `For example, in the job:`), yaml(example)]),
        ],
    };
}
function told(error, inputs) {
    const { host, proxy } = error;
    switch (error.fault) {
        case 'tls':
            return tls(error);
        case 'proxy':
            return {
                fault: say `the proxy ${proxy ?? ''} wants a user and a password`,
                means: say `The proxy does not let us through to ${host} as we are (407).`,
                todo: [
                    say `Give the user and the password in the proxy's URL, reserved characters percent-encoded (\`@\` is \`%40\`): \`HTTPS_PROXY: http://user:password@host:port\`, the whole from a secret.`,
                    say `Or let ${host} pass by the proxy: add it to \`NO_PROXY\`, where the network allows it.`,
                ],
            };
        case 'unreachable':
            return {
                fault: say `${host} cannot be reached`,
                means: proxy === undefined
                    ? say `No connection came about: the name does not exist, or the network does not let this machine through.`
                    : say `The proxy ${proxy} cannot be reached, or it does not reach ${host}.`,
                todo: [...endpointHints(error, inputs), ...networkHints(error)],
            };
        case 'timeout':
            return {
                fault: say `${host} did not answer in time`,
                means: say `A firewall that drops packets looks like this, and so does a long or crowded way to the host.`,
                todo: [
                    ...abroad(error, inputs),
                    ...networkHints(error),
                    say `A single call has 10 s; the whole step has \`timeout-seconds\` (${inputs.timeoutSeconds}).`,
                ],
            };
        case 'broken':
            return {
                fault: say `the connection to ${host} broke off`,
                means: say `The connection stood, and then something on the way ended it.`,
                todo: [...abroad(error, inputs), ...networkHints(error)],
            };
        case 'status':
            return {
                fault: say `${host} is too busy or has a fault of its own`,
                means: say `It answered with a status that says "not now".${host === inputs.endpoint.host
                    ? [' STS throttles by status 302 too: the 100 AssumeRole calls a second that it answers are shared by the whole account.']
                    : []}`,
                todo: [
                    say `Run the job again. If it comes back, start fewer jobs at the same moment, or raise \`retry-max-attempts\` (${inputs.maxAttempts}) and \`timeout-seconds\` (${inputs.timeoutSeconds}).`,
                    ...abroad(error, inputs),
                ],
            };
        case 'redirect':
        case 'nonsense':
            return {
                fault: error.fault === 'redirect' ? say `${host} answered with a redirect` : say `the answer of ${host} makes no sense`,
                means: say `Something else than the service itself seems to have answered: a proxy's log-in or blocking page, a load balancer, or another service at that address.`,
                todo: [
                    ...endpointHints(error, inputs),
                    proxy === undefined
                        ? say `See whether the network sends requests through a proxy without being asked, and ask its administrators to let ${host} through.`
                        : say `Ask the administrators of the proxy ${proxy} to let ${host} through.`,
                ],
            };
    }
}
function tls(error) {
    const { host } = error;
    if (error.message.includes('ERR_TLS_CERT_ALTNAME_INVALID')) {
        return {
            fault: say `the certificate of ${host} is for another name`,
            means: say `Whoever answered at ${host} shows a certificate that does not hold for that name: the name is not the service's own, or a proxy has answered in its place.`,
            todo: [
                say `See that the host is right: leave \`sts-endpoint\` out, or write it as Alibaba Cloud does (\`sts.cn-hangzhou.aliyuncs.com\`).`,
            ],
        };
    }
    if (/CERT_(HAS_EXPIRED|NOT_YET_VALID)/.test(error.message)) {
        return {
            fault: say `the certificate of ${host} is out of date`,
            means: say `By this machine's clock the certificate is not valid now. More often than the certificate it is the clock.`,
            todo: [say `Look at the clock of the runner. If it is right, look at the certificate of the proxy on the way.`],
        };
    }
    if (/WRONG_VERSION_NUMBER|EPROTO/.test(error.message)) {
        return {
            fault: say `${host} does not speak TLS as it should`,
            means: say `The handshake failed before any certificate: the port speaks plain HTTP, or something on the way cuts TLS off.`,
            todo: [
                say `See that host and port in \`sts-endpoint\` are right, and that \`HTTPS_PROXY\` begins with \`http://\` unless the proxy itself speaks TLS.`,
            ],
        };
    }
    return {
        fault: say `the certificate of ${host} is not one that this machine trusts`,
        means: say `Most likely a proxy on the way inspects TLS and shows a certificate of its own CA, which Node does not know. Node does not look into the system's store of CAs.`,
        todo: [
            say `Put the CA's certificate (PEM) on the runner and name it in \`NODE_EXTRA_CA_CERTS\`. It must be set before this step starts: for the job, or in the runner's own environment.`,
            say `Or ask the proxy's administrators not to inspect ${host}.`,
        ],
        example: EXTRA_CA,
    };
}
/** Which input named the host. */
function endpointHints(error, inputs) {
    const { host } = error;
    if (host !== inputs.endpoint.host)
        return [];
    if (host.startsWith('sts-vpc.')) {
        return [say `${host} can be reached from inside a VPC of its region only. Elsewhere leave \`sts-endpoint\` out.`];
    }
    if (inputs.region !== undefined && host === `sts.${inputs.region}.aliyuncs.com`) {
        return [say `The host follows from \`region\` (${inputs.region}): see that it is a region ID of Alibaba Cloud.`];
    }
    if (host === sts_endpoint/* GLOBAL_ENDPOINT */.s)
        return abroad(error, inputs);
    return [say `The host follows from \`sts-endpoint\`: see that it is one of STS, or leave it out.`];
}
function abroad({ host }, { endpoint, region }) {
    if (host !== endpoint.host || host !== sts_endpoint/* GLOBAL_ENDPOINT */.s || region !== undefined)
        return [];
    return [
        say `${host} lies in mainland China, and from abroad many calls to it fail. Give \`region\` (a near one, such as \`ap-southeast-1\` or \`eu-central-1\`): STS is then asked there. The credentials hold everywhere.`,
    ];
}
function networkHints({ host, proxy }) {
    return [
        proxy === undefined
            ? say `Where the network asks for a proxy, set \`HTTPS_PROXY\` for the job. Otherwise let the runner through to ${host}, port 443.`
            : say `See that \`HTTPS_PROXY\` names the right proxy (${proxy}), and that the proxy lets ${host} through.`,
    ];
}

;// CONCATENATED MODULE: ./.cache/build/diagnosis/explain.js
/** Turns a failure of the step into what a person needs: the fault, what it means here, what to do, and a policy to paste where one helps. Pure. */












/** @param failure whatever the step threw; what is not known here keeps its own message */
function explain(failure, situation) {
    const notAssumed = failure instanceof session/* RoleNotAssumed */.Yt ? failure : undefined;
    const inner = notAssumed === undefined ? failure : notAssumed.cause;
    const gaveUp = inner instanceof transport/* GaveUp */.TL ? inner : undefined;
    const cause = gaveUp === undefined ? inner : gaveUp.cause;
    const told = tell(cause, notAssumed, situation);
    if (told === undefined && failure === cause)
        return plain(messageOf(failure), situation);
    const { fault, blocks } = told ?? { fault: say `${messageOf(cause).replace(/\.$/, '')}`, blocks: [] };
    const title = say `${opening(notAssumed)}${fault}${gaveUp === undefined ? [] : say `, after ${effort(gaveUp)}`}.`;
    const all = [
        ...(gaveUp === undefined ? [] : [paragraph(patienceSpent(gaveUp, situation.inputs))]),
        ...blocks,
        ...hiddenAccounts(blocks, situation.inputs),
    ];
    return clean({ message: plainText(title, all), summary: markdown(title, all) }, situation, notAssumed);
}
/** Whether asking GetCallerIdentity with the refused key would make the explanation better. */
function wantsCaller(failure) {
    if (!(failure instanceof session/* RoleNotAssumed */.Yt) || failure.asker === undefined || failure.asker.arn !== undefined)
        return false;
    const { cause } = failure;
    return cause instanceof errors/* StsError */.vs && cause.code === 'NoPermission';
}
/** Undefined where nothing is known about such a cause. */
function tell(cause, notAssumed, situation) {
    if (cause instanceof errors/* StsError */.vs)
        return tellStsError(cause, notAssumed, situation);
    if (cause instanceof oidc/* OidcTokenError */.HZ)
        return explainNoToken(cause, situation.run, situation.event);
    if (cause instanceof transport/* TransportError */.wX)
        return explainTransport(cause, situation.inputs);
    return undefined;
}
/** An error that explains itself: its message as it is, but for what a log or a summary would take for something else. */
function plain(message, situation) {
    return clean({ message: plainLines(message), summary: fencedText(message) }, situation, undefined);
}
function opening(notAssumed) {
    if (notAssumed === undefined)
        return say `Could not get credentials: `;
    const { roleArn, position, roles } = notAssumed;
    return roles === 1 ? say `Could not assume ${roleArn}: ` : say `Could not assume role ${position} of ${roles}, ${roleArn}: `;
}
const effort = ({ attempts, elapsedMs }) => attempts === 1 ? say `1 attempt in ${seconds(elapsedMs)}` : say `${attempts} attempts in ${seconds(elapsedMs)}`;
function patienceSpent({ call, because }, inputs) {
    return because === 'attempts'
        ? say `${call} was tried as often as \`retry-max-attempts\` allows (${inputs.maxAttempts}). Of the last attempt:`
        : say `\`timeout-seconds\` (${inputs.timeoutSeconds} for the whole step) left no time for another attempt at ${call}. Of the last one:`;
}
function seconds(ms) {
    return `${(ms / 1000).toFixed(1)} s`;
}
function tellStsError(error, notAssumed, situation) {
    const callerArn = notAssumed?.asker?.arn ?? situation.caller?.arn;
    const answer = stsAnswer(error, callerArn !== undefined && (0,build_arn/* parseArn */.Lw)(callerArn)?.type === 'root');
    const facts = {
        error,
        inputs: situation.inputs,
        roleArn: notAssumed?.roleArn,
        durationSeconds: notAssumed?.position === notAssumed?.roles ? situation.inputs.session.durationSeconds : undefined,
        asker: error.call === 'AssumeRoleWithOIDC' ? 'oidc-token' : (notAssumed?.position ?? 1) > 1 ? 'session' : 'key',
    };
    const { evidence, cure } = exhibit(answer?.exhibit, error, notAssumed, situation);
    return {
        fault: say `${[answer === undefined ? 'STS refused' : answer.fault]} (${error.code})`,
        blocks: [
            paragraph(say `STS said: ${error.reason === '' ? ['nothing more'] : error.reason}`),
            heading('What it means'),
            ...(answer === undefined
                ? [paragraph(["This code is not one that the step knows; STS's own words above are all there is."])]
                : meaning(answer, facts)),
            ...deniedDetail(error.accessDeniedDetail),
            ...evidence,
            ...(answer === undefined ? [] : [heading('What to do'), ...remedy(answer)]),
            ...cure,
            heading('Details'),
            { kind: 'fields', fields: details(error, facts, notAssumed, callerArn) },
            ...diagnosticMessage(error.accessDeniedDetail),
        ],
    };
}
function meaning(answer, facts) {
    return [[answer.cause], ...(answer.here?.(facts) ?? [])].map(paragraph);
}
function remedy({ fix }) {
    const [only, ...more] = fix;
    return more.length === 0 && only !== undefined ? [paragraph([only])] : list(fix.map((sentence) => [sentence]));
}
/** Call, asker, RequestId and the page about this very error. */
function details({ call, host, status, requestId, recommend }, { asker, inputs }, notAssumed, callerArn) {
    const before = asker === 'session' ? `the session of role ${(notAssumed?.position ?? 2) - 1}` : undefined;
    const whose = asker === 'oidc-token' ? 'the OIDC token' : (before ?? KEY_NAMES[inputs.source.kind]);
    const fields = [
        ['Call', `${call} at ${host}, status ${status}`],
        ['Asked by', callerArn === undefined ? whose : `${callerArn} (${whose})`],
        ['RequestId', requestId],
        ['About it', recommend],
    ];
    return fields.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
}
const KEY_NAMES = {
    oidc: 'the OIDC token',
    'access-key': 'the access key',
    environment: "the environment's key",
    'ecs-ram-role': "the instance's RAM role",
};
/** RAM's policy types and principal types in words (RAM's documentation, "Troubleshoot access denied errors"). */
const POLICY_TYPES = {
    AccountLevelIdentityBasedPolicy: "the caller's own policies",
    ResourceGroupLevelIdentityBasedPolicy: "the caller's own policies in the resource group",
    AssumeRolePolicy: "the role's trust policy",
    SessionPolicy: "the policy of the caller's session",
    ControlPolicy: 'a control policy of the resource directory',
};
const PRINCIPAL_TYPES = {
    SubUser: 'the RAM user',
    AssumedRoleUser: 'the session',
    Account: 'the root account',
    RootUser: 'the root account',
};
function deniedDetail(detail) {
    if (detail === undefined)
        return [];
    const { authAction, authPrincipalType: type, authPrincipalOwnerId: owner, authPrincipalDisplayName: name, noPermissionType, policyType, } = detail;
    const known = (table, key) => [
        Object.hasOwn(table, key) ? (table[key] ?? key) : { value: key },
    ];
    const who = [
        ...(type === undefined ? [] : [say ` to ${known(PRINCIPAL_TYPES, type)}`]),
        ...(name === undefined ? [] : [say ` ${name}`]),
        ...(owner === undefined ? [] : [say ` of the account ${owner}`]),
    ].flat();
    const where = policyType === undefined ? [] : known(POLICY_TYPES, policyType);
    const why = noPermissionType === 'ExplicitDeny'
        ? say `: a statement with \`Deny\` forbids it${where.length === 0 ? [] : say ` in ${where}`}. No \`Allow\` helps against it; the \`Deny\` has to be removed or narrowed.`
        : noPermissionType === 'ImplicitDeny'
            ? say `: nothing allows it${where.length === 0 ? [] : say ` in ${where}`}.`
            : say `${where.length === 0 ? [] : say ` by ${where}`}.`;
    return [paragraph(say `RAM adds: ${authAction ?? ['the action']} was denied${who}${why}`)];
}
function diagnosticMessage(detail) {
    if (detail?.encodedDiagnosticMessage === undefined)
        return [];
    return [
        paragraph(say `Whoever may call \`ram:DecodeDiagnosticMessage\` can learn which policy it was: \`aliyun ram DecodeDiagnosticMessage --EncodedDiagnosticMessage ...\` with`),
        document_text(detail.encodedDiagnosticMessage),
    ];
}
function exhibit(kind, error, notAssumed, situation) {
    const { inputs, oidcToken } = situation;
    switch (kind) {
        case undefined:
            return { evidence: [], cure: [] };
        case 'both-sides':
        case 'new-user':
            return { evidence: [], cure: notAssumed === undefined ? [] : bothSides(error, notAssumed, situation, kind === 'new-user') };
        case 'trust':
        case 'provider': {
            const claims = oidcToken === undefined ? undefined : safeClaims(oidcToken);
            if (claims === undefined)
                return { evidence: [paragraph(say `The token cannot be read, so its claims cannot be shown.`)], cure: [] };
            const evidence = [heading('The token says'), { kind: 'fields', fields: claimFields(claims) }];
            if (kind === 'provider')
                return { evidence, cure: providerSettings(claims) };
            if (inputs.source.kind !== 'oidc' || notAssumed === undefined)
                return { evidence, cure: [] };
            const { providerArn } = inputs.source;
            return {
                evidence: [
                    ...evidence,
                    heading('Where it most likely differs from the trust policy, the likeliest first'),
                    ...list(likelyMismatches(claims, providerArn, notAssumed.roleArn)),
                ],
                cure: trust(claims, providerArn, notAssumed.roleArn),
            };
        }
    }
}
function providerSettings({ issuer, audiences }) {
    if (issuer === undefined || audiences.length === 0)
        return [];
    return [
        heading('For this token the OIDC provider in RAM needs'),
        {
            kind: 'fields',
            fields: [
                ['Issuer URL', issuer],
                ['Client ID', audiences.join(', ')],
                ['Fingerprint', `that of the root CA of ${URL.canParse(issuer) ? new URL(issuer).host : 'the issuer'}`],
            ],
        },
    ];
}
function trust({ issuer, subject, audiences }, providerArn, roleArn) {
    if (issuer === undefined || subject === undefined || audiences.length === 0) {
        return [paragraph(say `A trust policy needs \`iss\`, \`sub\` and \`aud\`, and the token does not have them all.`)];
    }
    return [
        paragraph(say `This trust policy of ${roleArn} lets in exactly this subject. Where the role has one already, add the statement to it:`),
        json(trustOfOidcToken(providerArn, { issuer, audiences, subject })),
        paragraph(say `To let in more than this subject, move \`oidc:sub\` from \`StringEquals\` to a \`StringLike\` beside it, with a pattern:`),
        ...list(widenings(subject)),
    ];
}
function bothSides(error, { roleArn, roles, position, asker }, { caller, inputs }, newUser) {
    const arn = asker?.arn ?? caller?.arn;
    const named = arn === undefined || newUser ? undefined : (0,build_arn/* identityBehind */.Vj)(arn);
    const owner = error.accessDeniedDetail?.authPrincipalOwnerId;
    const known = (arn === undefined ? undefined : (0,build_arn/* parseArn */.Lw)(arn)?.accountId) ?? (/^\d+$/.test(owner ?? '') ? owner : undefined);
    // A guess where nothing is known: most roles are assumed from within their account.
    const account = known ?? (0,build_arn/* parseArn */.Lw)(roleArn)?.accountId ?? '';
    const terms = {
        setsSourceIdentity: error.accessDeniedDetail?.authAction === 'sts:SetSourceIdentity',
        externalId: position === roles ? inputs.session.externalId : undefined,
    };
    const subject = named ?? [newUser ? 'the new RAM user' : 'the RAM user or role whose key this is'];
    const admitted = named ?? say `everyone in the account ${account} who has the first policy`;
    return [
        paragraph(say `1. The caller's side. Attach this policy to ${subject}:`),
        json(permissionToAssume(roleArn, terms)),
        paragraph(say `2. The role's side. This trust policy of ${roleArn} lets in ${admitted}. Where the role has one already, add the statement to it:`),
        json(trustOfCaller(named ?? `acs:ram::${account}:root`, terms)),
    ];
}
/** With the account masked, a policy in the log cannot be pasted as it is. */
function hiddenAccounts(blocks, { maskAccountId }) {
    if (!maskAccountId || !blocks.some((block) => block.kind === 'code' && block.language === 'json'))
        return [];
    return [paragraph(say `\`mask-account-id\` is on: where the policy shows \`***\`, write the account ID.`)];
}
/** The last line of defence. Nothing above prints a secret, but a message of an unknown error might. */
function clean({ message, summary }, { inputs, oidcToken }, notAssumed) {
    const keys = [notAssumed?.asker?.key, 'key' in inputs.source ? inputs.source.key : undefined];
    const secrets = [
        oidcToken,
        ...keys.flatMap((key) => (key === undefined ? [] : [key.accessKeyId, key.accessKeySecret, key.securityToken])),
    ];
    return { message: (0,build_secrets/* withoutSecrets */.c)(message, secrets), summary: (0,build_secrets/* withoutSecrets */.c)(summary, secrets) };
}
function messageOf(failure) {
    if (failure instanceof Error)
        return failure.message;
    // Whatever else was thrown is not opened: there is no telling what it holds.
    return typeof failure === 'string' ? failure : `an unexpected ${failure === null ? 'null' : typeof failure} was thrown`;
}


/***/ })

};
