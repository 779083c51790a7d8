export const id = 824;
export const ids = [824];
export const modules = {

/***/ 3824:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

__webpack_require__.r(__webpack_exports__);
/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   AssumeRoleRequest: () => (/* binding */ AssumeRoleRequest),
/* harmony export */   AssumeRoleWithOIDCRequest: () => (/* binding */ AssumeRoleWithOIDCRequest),
/* harmony export */   RuntimeOptions: () => (/* reexport safe */ _darabonba_typescript__WEBPACK_IMPORTED_MODULE_3__.RuntimeOptions),
/* harmony export */   StsSdk: () => (/* binding */ StsSdk)
/* harmony export */ });
/* harmony import */ var node_crypto__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(7598);
/* harmony import */ var _alicloud_openapi_core__WEBPACK_IMPORTED_MODULE_1__ = __webpack_require__(9764);
/* harmony import */ var _alicloud_sts20150401__WEBPACK_IMPORTED_MODULE_2__ = __webpack_require__(4979);
/* harmony import */ var _darabonba_typescript__WEBPACK_IMPORTED_MODULE_3__ = __webpack_require__(5783);
/**
 * The seam between Alibaba Cloud's SDK and this step's transport. The SDK knows STS's requests and signatures; its HTTP layer honours no proxy,
 * puts OIDC tokens into URLs and URLs into error messages, takes a 302 for success and cannot be given an agent. Its client class has two
 * ways out, `callApi` for signed calls and `doRPCRequest` for anonymous ones: both are replaced here, so that none of that layer ever runs.
 * Both are part of the SDK's typed surface; its version is pinned, and every test that looks at the wire would notice another way out.
 *
 * Loaded by a dynamic import, while the network is waited for: post never needs it.
 */




const { AssumeRoleRequest, AssumeRoleWithOIDCRequest } = _alicloud_sts20150401__WEBPACK_IMPORTED_MODULE_2__;

const ALGORITHM = 'ACS3-HMAC-SHA256';
const HASH_OF_NOTHING = (0,node_crypto__WEBPACK_IMPORTED_MODULE_0__.createHash)('sha256').digest('hex');
class StsSdk extends _alicloud_sts20150401__WEBPACK_IMPORTED_MODULE_2__["default"] {
    #url;
    #signer;
    #deliver;
    /** @param signer whose key signs the calls; undefined for AssumeRoleWithOIDC, which is anonymous */
    constructor(url, signer, deliver) {
        super(new _alicloud_openapi_core__WEBPACK_IMPORTED_MODULE_1__.$OpenApiUtil.Config({ endpoint: url.host }));
        this.#url = url;
        this.#signer = signer;
        this.#deliver = deliver;
    }
    /** A signed call: parameters in the query, the signature in a header (ACS3-HMAC-SHA256). */
    async callApi({ action, version, method }, request) {
        const signer = this.#signer;
        if (signer === undefined)
            throw new Error(`${action ?? 'the call'} must be signed`);
        const signed = new _darabonba_typescript__WEBPACK_IMPORTED_MODULE_3__.Request();
        signed.method = method ?? 'POST';
        signed.pathname = '/';
        signed.query = request.query ?? {};
        signed.headers = {
            ...commonHeaders(this.#url, action, version),
            'x-acs-date': timestamp(new Date()),
            // The SDK's own nonce is a hash of the host's name, the process ID and Math.random.
            'x-acs-signature-nonce': (0,node_crypto__WEBPACK_IMPORTED_MODULE_0__.randomBytes)(16).toString('hex'),
            'x-acs-content-sha256': HASH_OF_NOTHING,
            ...(signer.securityToken === undefined
                ? {}
                : { 'x-acs-accesskey-id': signer.accessKeyId, 'x-acs-security-token': signer.securityToken }),
        };
        const authorization = _alicloud_openapi_core__WEBPACK_IMPORTED_MODULE_1__.OpenApiUtil.getAuthorization(
        // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- the SDK declares an older Request, of which it reads method, path, query and headers
        signed, ALGORITHM, HASH_OF_NOTHING, signer.accessKeyId, signer.accessKeySecret);
        const url = new URL(this.#url);
        url.search = new URLSearchParams(signed.query).toString();
        return { body: await this.#deliver({ method: 'POST', url, headers: { ...signed.headers, authorization } }) };
    }
    /** An anonymous call. All parameters travel in the body: the OIDC token is among them, and URLs end up in logs of proxies and servers. */
    async doRPCRequest(action, version, _protocol, _method, _authType, _bodyType, request) {
        const fields = {
            Action: action,
            Version: version,
            Format: 'JSON',
            Timestamp: timestamp(new Date()),
            SignatureNonce: (0,node_crypto__WEBPACK_IMPORTED_MODULE_0__.randomBytes)(16).toString('hex'),
            ...request.query,
        };
        const body = new URLSearchParams(fields).toString();
        const headers = {
            ...commonHeaders(this.#url, action, version),
            'content-type': 'application/x-www-form-urlencoded',
            'content-length': Buffer.byteLength(body),
        };
        return { body: await this.#deliver({ method: 'POST', url: new URL(this.#url), headers, body }) };
    }
}
function commonHeaders(url, action, version) {
    return {
        host: url.host,
        'x-acs-action': action ?? '',
        'x-acs-version': version ?? '',
        accept: 'application/json',
        'user-agent': 'configure-alibaba-cloud-credentials',
    };
}
/** UTC without milliseconds, as STS demands. */
function timestamp(date) {
    return date.toISOString().replace(/\.\d{3}Z$/, 'Z');
}


/***/ })

};
