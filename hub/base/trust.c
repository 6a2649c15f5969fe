/* SPDX-License-Identifier: EUPL-1.2 */
/* Which certificates the house believes: RFC 5280 path validation by OpenSSL, under our rules for
 * revocation lists and algorithms. */
#include "base/assert.h"
#include "base/file.h"
#include "base/sign.h"
#include "base/sign_parts.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define ANCHORS_BYTES_MAX (1u << 20)
#define CRL_BYTES_MAX (32u << 20)
#define CHAIN_MAX 8u
/* OpenSSL's level for 112 bits of security: RSA from 2048 bits, no SHA-1, in the whole chain. */
#define SECURITY_LEVEL 2

/* Differs whenever the file was replaced or written. */
struct file_mark {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};

struct kp_trust {
    char *anchors_file, *crl_file;
    pthread_mutex_t mutex; /* guards @store and its references; a check holds one, not the lock */
    X509_STORE *store;
    struct file_mark anchors_mark, crl_mark; /* of what @store was made from; refresher's thread */
};

/* --- reading the files --- */

static bool same_moment(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_mark(const struct file_mark *a, const struct file_mark *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           same_moment(a->modified, b->modified) && same_moment(a->changed, b->changed);
}

static enum kp_err mark_file(const char *path, enum kp_err err_absent, struct file_mark *ret_mark,
                             struct kp_diag *reterr_diag)
{
    struct stat found;
    if (stat(path, &found) != 0) {
        return kp_fail(reterr_diag, err_absent, "cannot look at %s: %s", path, strerror(errno));
    }
    *ret_mark = (struct file_mark){
        .device = found.st_dev,
        .inode = found.st_ino,
        .size = found.st_size,
        .modified = found.st_mtim,
        .changed = found.st_ctim,
    };
    return KP_OK;
}

/* The file's PEM, read whole. @err_unread: the code when that fails. */
static enum kp_err read_pem(const char *path, size_t size_max, enum kp_err err_unread,
                            char **ret_bytes, BIO **ret_pem, struct kp_diag *reterr_diag)
{
    char *bytes = NULL;
    size_t size = 0;
    struct kp_diag diag;
    if (kp_file_read(path, size_max, &bytes, &size, &diag) != KP_OK) {
        return kp_fail(reterr_diag, err_unread, "%s", diag.text);
    }
    BIO *pem = BIO_new_mem_buf(bytes, (int)size);
    KP_ASSERT(pem != NULL);
    *ret_bytes = bytes;
    *ret_pem = pem;
    return KP_OK;
}

/* After a PEM reader gave NULL: the end of the file, and not something that could not be read? */
static bool ended_well(void)
{
    unsigned long code = ERR_peek_last_error();
    bool ended = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
    if (ended) {
        ERR_clear_error();
    }
    return ended;
}

static enum kp_err add_anchors(X509_STORE *store, BIO *pem, const char *path,
                               struct kp_diag *reterr_diag)
{
    unsigned count = 0;
    for (;;) {
        X509 *anchor = PEM_read_bio_X509(pem, NULL, NULL, NULL);
        if (anchor == NULL) {
            break;
        }
        count++;
        if (X509_check_ca(anchor) != 1) {
            X509_free(anchor);
            return kp_fail(reterr_diag, KP_E_CERT_UNTRUSTED,
                           "certificate %u in %s is not that of a certificate authority", count,
                           path);
        }
        KP_ASSERT(X509_STORE_add_cert(store, anchor) == 1);
        X509_free(anchor);
    }
    if (!ended_well()) {
        return kp_fail(reterr_diag, KP_E_CERT_UNTRUSTED,
                       "after %u certificates %s cannot be read (%s)", count, path,
                       kp_sign_openssl_reason());
    }
    if (count == 0) {
        return kp_fail(reterr_diag, KP_E_CERT_UNTRUSTED, "%s holds no certificate in PEM", path);
    }
    return KP_OK;
}

static enum kp_err add_crls(X509_STORE *store, BIO *pem, const char *path,
                            struct kp_diag *reterr_diag)
{
    unsigned count = 0;
    for (;;) {
        X509_CRL *crl = PEM_read_bio_X509_CRL(pem, NULL, NULL, NULL);
        if (crl == NULL) {
            break;
        }
        count++;
        if (X509_CRL_get0_nextUpdate(crl) == NULL) { /* such a list would never be stale */
            X509_CRL_free(crl);
            return kp_fail(reterr_diag, KP_E_CRL,
                           "revocation list %u in %s does not say when the next one comes", count,
                           path);
        }
        KP_ASSERT(X509_STORE_add_crl(store, crl) == 1);
        X509_CRL_free(crl);
    }
    if (!ended_well()) {
        return kp_fail(reterr_diag, KP_E_CRL, "after %u revocation lists %s cannot be read (%s)",
                       count, path, kp_sign_openssl_reason());
    }
    if (count == 0) {
        return kp_fail(reterr_diag, KP_E_CRL, "%s holds no revocation list in PEM", path);
    }
    return KP_OK;
}

static enum kp_err fill_store(const struct kp_trust *trust, X509_STORE *store,
                              struct kp_diag *reterr_diag)
{
    char *bytes = NULL;
    BIO *pem = NULL;
    enum kp_err err =
        read_pem(trust->anchors_file, ANCHORS_BYTES_MAX, KP_E_IO, &bytes, &pem, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    err = add_anchors(store, pem, trust->anchors_file, reterr_diag);
    (void)BIO_free(pem); /* memory only */
    free(bytes);
    if (err != KP_OK) {
        return err;
    }
    err = read_pem(trust->crl_file, CRL_BYTES_MAX, KP_E_CRL, &bytes, &pem, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    err = add_crls(store, pem, trust->crl_file, reterr_diag);
    (void)BIO_free(pem); /* memory only */
    free(bytes);
    return err;
}

/* The marks are taken before reading: what changes meanwhile is seen at the next refresh. */
static enum kp_err load(struct kp_trust *trust, const struct file_mark *anchors_mark,
                        const struct file_mark *crl_mark, struct kp_diag *reterr_diag)
{
    X509_STORE *store = X509_STORE_new();
    KP_ASSERT(store != NULL);
    enum kp_err err = fill_store(trust, store, reterr_diag);
    if (err != KP_OK) {
        X509_STORE_free(store);
        return err;
    }
    KP_ASSERT(pthread_mutex_lock(&trust->mutex) == 0);
    X509_STORE *old = trust->store;
    trust->store = store;
    X509_STORE_free(old);
    KP_ASSERT(pthread_mutex_unlock(&trust->mutex) == 0);
    trust->anchors_mark = *anchors_mark;
    trust->crl_mark = *crl_mark;
    return KP_OK;
}

static enum kp_err mark_both(const struct kp_trust *trust, struct file_mark *ret_anchors,
                             struct file_mark *ret_crl, struct kp_diag *reterr_diag)
{
    enum kp_err err = mark_file(trust->anchors_file, KP_E_IO, ret_anchors, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    return mark_file(trust->crl_file, KP_E_CRL, ret_crl, reterr_diag);
}

enum kp_err kp_trust_open(const struct kp_trust_options *options, struct kp_trust **ret_trust,
                          struct kp_diag *reterr_diag)
{
    struct kp_trust *trust = OPENSSL_zalloc(sizeof *trust);
    KP_ASSERT(trust != NULL);
    trust->anchors_file = OPENSSL_strdup(options->anchors_file);
    trust->crl_file = OPENSSL_strdup(options->crl_file);
    KP_ASSERT(trust->anchors_file != NULL);
    KP_ASSERT(trust->crl_file != NULL);
    KP_ASSERT(pthread_mutex_init(&trust->mutex, NULL) == 0);
    struct file_mark anchors_mark;
    struct file_mark crl_mark;
    enum kp_err err = mark_both(trust, &anchors_mark, &crl_mark, reterr_diag);
    if (err == KP_OK) {
        err = load(trust, &anchors_mark, &crl_mark, reterr_diag);
    }
    if (err != KP_OK) {
        (void)kp_trust_free(trust);
        return err;
    }
    *ret_trust = trust;
    return KP_OK;
}

struct kp_trust *kp_trust_free(struct kp_trust *trust)
{
    if (trust != NULL) {
        X509_STORE_free(trust->store);
        KP_ASSERT(pthread_mutex_destroy(&trust->mutex) == 0);
        OPENSSL_free(trust->anchors_file);
        OPENSSL_free(trust->crl_file);
        OPENSSL_free(trust);
    }
    return NULL;
}

enum kp_err kp_trust_refresh(struct kp_trust *trust, bool *ret_changed, struct kp_diag *reterr_diag)
{
    struct file_mark anchors_mark;
    struct file_mark crl_mark;
    enum kp_err err = mark_both(trust, &anchors_mark, &crl_mark, reterr_diag);
    if (err != KP_OK) {
        return err;
    }
    if (same_mark(&anchors_mark, &trust->anchors_mark) && same_mark(&crl_mark, &trust->crl_mark)) {
        *ret_changed = false;
        return KP_OK;
    }
    err = load(trust, &anchors_mark, &crl_mark, reterr_diag);
    if (err == KP_OK) {
        *ret_changed = true;
    }
    return err;
}

/* --- judging a certificate --- */

/* What is wrong with a chain, the gravest first: of several faults the one is told that its owner
 * must act on first. */
enum fault {
    FAULT_NONE,
    FAULT_CRL,
    FAULT_EXPIRED,
    FAULT_REVOKED,
    FAULT_ALGORITHM,
    FAULT_UNTRUSTED,
};

struct verdict {
    enum fault fault;
    int reason; /* X509_V_ERR_* */
    int depth;  /* 0: the certificate itself */
};

static enum fault fault_of(int reason)
{
    switch (reason) {
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
    case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
        return FAULT_CRL;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return FAULT_EXPIRED;
    case X509_V_ERR_CERT_REVOKED:
        return FAULT_REVOKED;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
    case X509_V_ERR_EC_KEY_EXPLICIT_PARAMS:
    case X509_V_ERR_UNSUPPORTED_SIGNATURE_ALGORITHM:
        return FAULT_ALGORITHM;
    default:
        return FAULT_UNTRUSTED;
    }
}

/* Called for every fault; goes on, so that all are seen. The verdict counts, not the outcome of the
 * walk. */
static int note_fault(int good, X509_STORE_CTX *context)
{
    if (good == 1) {
        return 1;
    }
    struct verdict *verdict = X509_STORE_CTX_get_app_data(context);
    int reason = X509_STORE_CTX_get_error(context);
    int depth = X509_STORE_CTX_get_error_depth(context);
    int last = sk_X509_num(X509_STORE_CTX_get0_chain(context)) - 1;
    if (reason == X509_V_ERR_UNABLE_TO_GET_CRL && depth > 0 && depth == last) {
        return 1; /* the anchor: the house trusts it by having it in the file, not by its issuer */
    }
    enum fault fault = fault_of(reason);
    if (fault > verdict->fault) {
        *verdict = (struct verdict){.fault = fault, .reason = reason, .depth = depth};
    }
    return 1;
}

static enum kp_err parse_chain(const struct kp_slice *chain, uint32_t chain_count,
                               STACK_OF(X509) * stack, struct kp_diag *reterr_diag)
{
    if (chain_count > CHAIN_MAX) {
        return kp_fail(reterr_diag, KP_E_CERT_UNTRUSTED,
                       "%u intermediate certificates; at most %u are looked at", chain_count,
                       CHAIN_MAX);
    }
    for (uint32_t i = 0; i < chain_count; i++) {
        const unsigned char *end = chain[i].bytes;
        X509 *x509 = NULL;
        if (chain[i].size > 0 && chain[i].size <= KP_CERTIFICATE_BYTES_MAX) {
            x509 = d2i_X509(NULL, &end, (long)chain[i].size);
        }
        if (x509 == NULL || end != chain[i].bytes + chain[i].size) {
            X509_free(x509);
            ERR_clear_error();
            return kp_fail(reterr_diag, KP_E_CERT_UNTRUSTED,
                           "intermediate certificate %u is not a certificate in DER", i + 1);
        }
        KP_ASSERT(sk_X509_push(stack, x509) > 0);
    }
    return KP_OK;
}

static void judge(X509_STORE *store, X509 *x509, STACK_OF(X509) * chain, struct kp_wall now,
                  struct verdict *ret_verdict)
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    KP_ASSERT(context != NULL);
    KP_ASSERT(X509_STORE_CTX_init(context, store, x509, chain) == 1);
    X509_VERIFY_PARAM *rules = X509_STORE_CTX_get0_param(context);
    KP_ASSERT(X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL |
                                                     X509_V_FLAG_X509_STRICT |
                                                     X509_V_FLAG_PARTIAL_CHAIN) == 1);
    X509_VERIFY_PARAM_set_auth_level(rules, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_depth(rules, (int)CHAIN_MAX);
    X509_VERIFY_PARAM_set_time(rules, now.ms / 1000);
    struct verdict verdict = {.fault = FAULT_NONE, .reason = X509_V_OK};
    X509_STORE_CTX_set_app_data(context, &verdict);
    X509_STORE_CTX_set_verify_cb(context, note_fault);
    if (X509_verify_cert(context) != 1 && verdict.fault == FAULT_NONE) {
        verdict.fault = FAULT_UNTRUSTED; /* it could not be judged at all */
        verdict.reason = X509_STORE_CTX_get_error(context);
    }
    X509_STORE_CTX_free(context);
    ERR_clear_error();
    *ret_verdict = verdict;
}

static enum kp_err answer(const struct verdict *verdict, struct kp_diag *reterr_diag)
{
    static const enum kp_err codes[] = {
        [FAULT_NONE] = KP_OK,
        [FAULT_CRL] = KP_E_CRL,
        [FAULT_EXPIRED] = KP_E_CERT_EXPIRED,
        [FAULT_REVOKED] = KP_E_CERT_REVOKED,
        [FAULT_ALGORITHM] = KP_E_ALGORITHM,
        [FAULT_UNTRUSTED] = KP_E_CERT_UNTRUSTED,
    };
    if (verdict->fault == FAULT_NONE) {
        return KP_OK;
    }
    return kp_fail(reterr_diag, codes[verdict->fault], "%s (%s %d of the chain)",
                   X509_verify_cert_error_string(verdict->reason),
                   verdict->depth == 0 ? "the certificate itself, number" : "certificate",
                   verdict->depth);
}

enum kp_err kp_trust_check(struct kp_trust *trust, const struct kp_certificate *certificate,
                           const struct kp_slice *chain, uint32_t chain_count, struct kp_wall now,
                           struct kp_diag *reterr_diag)
{
    /* A key that makes certificates does not also sign messages: it would vouch for itself. */
    if (X509_check_ca(certificate->x509) != 0) {
        return kp_fail(reterr_diag, KP_E_CERT_UNTRUSTED,
                       "this is the certificate of a certificate authority");
    }
    uint32_t usage = X509_get_key_usage(certificate->x509);
    if ((usage & KU_DIGITAL_SIGNATURE) == 0) { /* all ones where no usage is stated */
        return kp_fail(reterr_diag, KP_E_CERT_UNTRUSTED,
                       "the certificate's key usage does not include digitalSignature");
    }
    STACK_OF(X509) *stack = sk_X509_new_null();
    KP_ASSERT(stack != NULL);
    enum kp_err err = parse_chain(chain, chain_count, stack, reterr_diag);
    if (err == KP_OK) {
        KP_ASSERT(pthread_mutex_lock(&trust->mutex) == 0);
        X509_STORE *store = trust->store;
        KP_ASSERT(X509_STORE_up_ref(store) == 1);
        KP_ASSERT(pthread_mutex_unlock(&trust->mutex) == 0);
        struct verdict verdict;
        judge(store, certificate->x509, stack, now, &verdict);
        /* Whoever gives back the last reference frees what others have just read. OpenSSL counts
         * with relaxed atomics, which do not order the two; the lock does. */
        KP_ASSERT(pthread_mutex_lock(&trust->mutex) == 0);
        X509_STORE_free(store);
        KP_ASSERT(pthread_mutex_unlock(&trust->mutex) == 0);
        err = answer(&verdict, reterr_diag);
    }
    sk_X509_pop_free(stack, X509_free);
    return err;
}
