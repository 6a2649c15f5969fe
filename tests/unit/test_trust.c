/* SPDX-License-Identifier: EUPL-1.2 */
/* Whom the house believes: chains, validity, revocation lists, and lists that change or are gone.
 */
#include "base/sign.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "pki.h"

#define LEAF_SERIAL 100
#define MIDDLE_SERIAL 20

/* A root, an intermediate under it, and a leaf's key; lists say nobody is revoked. */
static char dir[200];
static char anchors_file[256], crl_file[256];
static struct kp_diag diag;
static struct pki_ca root, middle;
static EVP_PKEY *leaf_key;

static const struct pki_request leaf_request = {.name = "Politie Voorbeeldstad",
                                                .serial_number = "00000001000000000001",
                                                .from_days = -10,
                                                .to_days = 10,
                                                .key_usage = "critical,digitalSignature",
                                                .serial = LEAF_SERIAL};

static void write_anchor(X509 *x509)
{
    BIO *pem = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(pem, x509), 1);
    pki_write(anchors_file, pem, 0644);
}

static void write_crls(X509_CRL *first, X509_CRL *second)
{
    BIO *pem = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509_CRL(pem, first), 1);
    if (second != NULL) {
        assert_int_equal(PEM_write_bio_X509_CRL(pem, second), 1);
    }
    pki_write(crl_file, pem, 0644);
    X509_CRL_free(first);
    X509_CRL_free(second);
}

static struct kp_trust *open_trust(void)
{
    struct kp_trust *trust = NULL;
    const struct kp_trust_options options = {.anchors_file = anchors_file, .crl_file = crl_file};
    assert_int_equal(kp_trust_open(&options, &trust, &diag), KP_OK);
    return trust;
}

static enum kp_err open_fails(void)
{
    struct kp_trust *trust = NULL;
    const struct kp_trust_options options = {.anchors_file = anchors_file, .crl_file = crl_file};
    enum kp_err err = kp_trust_open(&options, &trust, &diag);
    assert_null(trust);
    return err;
}

/* What @trust says of a leaf made from @request under @issuer, with the intermediate offered. */
static enum kp_err judge_at(struct kp_trust *trust, const struct pki_request *request,
                            const struct pki_ca *issuer, int64_t at_days)
{
    X509 *x509 = pki_certificate(request, leaf_key, issuer);
    struct kp_slice der = pki_der(x509);
    struct kp_slice chain = pki_der(middle.x509);
    struct kp_certificate *certificate = NULL;
    assert_int_equal(kp_certificate_parse(der, &certificate, &diag), KP_OK);
    enum kp_err err = kp_trust_check(trust, certificate, &chain, 1,
                                     (struct kp_wall){PKI_NOW.ms + at_days * KP_DAY_MS}, &diag);
    (void)kp_certificate_free(certificate);
    pki_der_free(der);
    pki_der_free(chain);
    X509_free(x509);
    return err;
}

/* Opens the files as they are now. */
static enum kp_err judge(const struct pki_request *request, const struct pki_ca *issuer)
{
    struct kp_trust *trust = open_trust();
    enum kp_err err = judge_at(trust, request, issuer, 0);
    (void)kp_trust_free(trust);
    return err;
}

static void a_chain_to_the_anchor_is_believed(void **state)
{
    (void)state;
    assert_int_equal(judge(&leaf_request, &root), KP_OK);
    assert_int_equal(judge(&leaf_request, &middle), KP_OK);
    struct pki_request request = leaf_request;
    request.key_usage = NULL; /* none stated: any use */
    assert_int_equal(judge(&request, &middle), KP_OK);
    request.key_usage = "digitalSignature,keyEncipherment";
    assert_int_equal(judge(&request, &middle), KP_OK);
}

static void without_its_intermediate_a_chain_is_not_believed(void **state)
{
    (void)state;
    struct kp_trust *trust = open_trust();
    X509 *x509 = pki_certificate(&leaf_request, leaf_key, &middle);
    struct kp_slice der = pki_der(x509);
    struct kp_certificate *certificate = NULL;
    assert_int_equal(kp_certificate_parse(der, &certificate, &diag), KP_OK);
    assert_int_equal(kp_trust_check(trust, certificate, NULL, 0, PKI_NOW, &diag),
                     KP_E_CERT_UNTRUSTED);
    struct kp_slice junk[9];
    for (size_t i = 0; i < 9; i++) {
        junk[i] = KP_SLICE_LIT("geen certificaat");
    }
    assert_int_equal(kp_trust_check(trust, certificate, junk, 1, PKI_NOW, &diag),
                     KP_E_CERT_UNTRUSTED);
    junk[0] = KP_SLICE_EMPTY;
    assert_int_equal(kp_trust_check(trust, certificate, junk, 1, PKI_NOW, &diag),
                     KP_E_CERT_UNTRUSTED);
    assert_int_equal(kp_trust_check(trust, certificate, junk, 9, PKI_NOW, &diag),
                     KP_E_CERT_UNTRUSTED); /* more than are looked at */
    (void)kp_certificate_free(certificate);
    pki_der_free(der);
    X509_free(x509);
    (void)kp_trust_free(trust);
}

static void strangers_are_not_believed(void **state)
{
    (void)state;
    /* Another authority, one that took the root's name, and a certificate that signed itself. */
    struct pki_ca other = pki_make_ca("Andere CA", "ED25519", 1, NULL);
    struct pki_ca same_name = pki_make_ca("Proef CA", "ED25519", 1, NULL);
    struct pki_ca alone = {.x509 = NULL, .key = leaf_key};
    alone.x509 = pki_certificate(&leaf_request, leaf_key, NULL);
    assert_int_equal(judge(&leaf_request, &other), KP_E_CERT_UNTRUSTED);
    assert_int_equal(judge(&leaf_request, &same_name), KP_E_CERT_UNTRUSTED);
    assert_int_equal(judge(&leaf_request, NULL), KP_E_CERT_UNTRUSTED);
    assert_int_equal(judge(&leaf_request, &alone), KP_E_CERT_UNTRUSTED); /* a leaf is no issuer */
    X509_free(alone.x509);
    pki_ca_done(&other);
    pki_ca_done(&same_name);
}

static void a_leaf_under_a_leaf_is_not_believed(void **state)
{
    (void)state;
    struct kp_trust *trust = open_trust();
    /* The partner's own key, rightly certified, makes a certificate for someone else. */
    struct pki_ca partner = {.key = leaf_key};
    partner.x509 = pki_certificate(&leaf_request, leaf_key, &root);
    struct pki_request request = leaf_request;
    request.name = "Openbaar Ministerie";
    EVP_PKEY *key = pki_key("ED25519");
    X509 *x509 = pki_certificate(&request, key, &partner);
    struct kp_slice der = pki_der(x509);
    struct kp_slice chain = pki_der(partner.x509);
    struct kp_certificate *certificate = NULL;
    assert_int_equal(kp_certificate_parse(der, &certificate, &diag), KP_OK);
    assert_int_equal(kp_trust_check(trust, certificate, &chain, 1, PKI_NOW, &diag),
                     KP_E_CERT_UNTRUSTED);
    (void)kp_certificate_free(certificate);
    pki_der_free(der);
    pki_der_free(chain);
    X509_free(x509);
    X509_free(partner.x509);
    EVP_PKEY_free(key);
    (void)kp_trust_free(trust);
}

static void the_wrong_usage_is_not_believed(void **state)
{
    (void)state;
    struct pki_request request = leaf_request;
    request.key_usage = "critical,keyEncipherment";
    assert_int_equal(judge(&request, &root), KP_E_CERT_UNTRUSTED);
    assert_non_null(strstr(diag.text, "digitalSignature"));
    request.key_usage = "critical,nonRepudiation";
    assert_int_equal(judge(&request, &root), KP_E_CERT_UNTRUSTED);
    request.key_usage = "critical,digitalSignature,keyCertSign";
    request.constraints = "critical,CA:TRUE";
    assert_int_equal(judge(&request, &root), KP_E_CERT_UNTRUSTED);
    assert_non_null(strstr(diag.text, "authority"));
    request.constraints = NULL;
    assert_int_equal(judge(&request, &root), KP_E_CERT_UNTRUSTED);
}

static void validity_is_judged_at_the_moment_given(void **state)
{
    (void)state;
    struct kp_trust *trust = open_trust();
    assert_int_equal(judge_at(trust, &leaf_request, &root, -11), KP_E_CERT_EXPIRED);
    assert_int_equal(judge_at(trust, &leaf_request, &root, -9), KP_OK);
    assert_int_equal(judge_at(trust, &leaf_request, &root, 9), KP_OK);
    assert_int_equal(judge_at(trust, &leaf_request, &root, 11), KP_E_CERT_EXPIRED);
    (void)kp_trust_free(trust);
    /* The lists are good from day -20 to day 20; a certificate may outlive them. */
    trust = open_trust();
    struct pki_request request = leaf_request;
    request.from_days = -100;
    request.to_days = 100;
    assert_int_equal(judge_at(trust, &request, &root, 19), KP_OK);
    assert_int_equal(judge_at(trust, &request, &root, 21), KP_E_CRL);
    assert_int_equal(judge_at(trust, &request, &root, -21), KP_E_CRL);
    (void)kp_trust_free(trust);
}

static void an_expired_intermediate_is_seen(void **state)
{
    (void)state;
    struct pki_request request = {.name = "Tussen CA",
                                  .from_days = -100,
                                  .to_days = -1,
                                  .key_usage = "critical,keyCertSign,cRLSign",
                                  .constraints = "critical,CA:TRUE",
                                  .serial = MIDDLE_SERIAL};
    X509_free(middle.x509);
    middle.x509 = pki_certificate(&request, middle.key, &root);
    assert_int_equal(judge(&leaf_request, &middle), KP_E_CERT_EXPIRED);
}

static void a_revoked_leaf_is_seen(void **state)
{
    (void)state;
    write_crls(pki_crl(&root, -20, 20, LEAF_SERIAL), pki_crl(&middle, -20, 20, 0));
    assert_int_equal(judge(&leaf_request, &root), KP_E_CERT_REVOKED);
    assert_int_equal(judge(&leaf_request, &middle), KP_OK); /* the same number of another issuer */
    write_crls(pki_crl(&root, -20, 20, 0), pki_crl(&middle, -20, 20, LEAF_SERIAL));
    assert_int_equal(judge(&leaf_request, &root), KP_OK);
    assert_int_equal(judge(&leaf_request, &middle), KP_E_CERT_REVOKED);
}

static void a_revoked_intermediate_is_seen(void **state)
{
    (void)state;
    write_crls(pki_crl(&root, -20, 20, MIDDLE_SERIAL), pki_crl(&middle, -20, 20, 0));
    assert_int_equal(judge(&leaf_request, &middle), KP_E_CERT_REVOKED);
    assert_int_equal(judge(&leaf_request, &root), KP_OK);
}

static void of_two_faults_the_gravest_is_told(void **state)
{
    (void)state;
    struct pki_request request = leaf_request;
    request.to_days = -1;
    write_crls(pki_crl(&root, -20, 20, LEAF_SERIAL), pki_crl(&middle, -20, 20, 0));
    assert_int_equal(judge(&request, &root), KP_E_CERT_REVOKED); /* and expired */
    write_crls(pki_crl(&root, -20, -10, LEAF_SERIAL), NULL);
    assert_int_equal(judge(&leaf_request, &root), KP_E_CERT_REVOKED); /* by a stale list */
    write_crls(pki_crl(&root, -20, -10, 0), NULL);
    assert_int_equal(judge(&request, &root), KP_E_CERT_EXPIRED);
    struct pki_ca other = pki_make_ca("Andere CA", "ED25519", 1, NULL);
    assert_int_equal(judge(&request, &other), KP_E_CERT_UNTRUSTED);
    pki_ca_done(&other);
}

static void a_missing_or_stale_list_fails_closed(void **state)
{
    (void)state;
    write_crls(pki_crl(&root, -20, 20, 0), NULL); /* none of the intermediate */
    assert_int_equal(judge(&leaf_request, &middle), KP_E_CRL);
    assert_int_equal(judge(&leaf_request, &root), KP_OK);
    write_crls(pki_crl(&middle, -20, 20, 0), NULL); /* none of the root */
    assert_int_equal(judge(&leaf_request, &middle), KP_E_CRL);
    assert_int_equal(judge(&leaf_request, &root), KP_E_CRL);
    write_crls(pki_crl(&root, -20, -1, 0), pki_crl(&middle, -20, 20, 0)); /* stale */
    assert_int_equal(judge(&leaf_request, &middle), KP_E_CRL);
    write_crls(pki_crl(&root, 1, 20, 0), pki_crl(&middle, -20, 20, 0)); /* of tomorrow */
    assert_int_equal(judge(&leaf_request, &root), KP_E_CRL);
    write_crls(pki_crl(&root, -20, -1, 0), pki_crl(&root, -1, 20, 0)); /* the newer one counts */
    assert_int_equal(judge(&leaf_request, &root), KP_OK);
}

static void a_list_signed_by_another_is_not_believed(void **state)
{
    (void)state;
    struct pki_ca forger = {.x509 = root.x509, .key = leaf_key};
    write_crls(pki_crl(&forger, -20, 20, 0), NULL);
    assert_int_equal(judge(&leaf_request, &root), KP_E_CRL);
}

static void weak_signatures_in_the_chain_are_refused(void **state)
{
    (void)state;
    struct pki_request request = leaf_request;
    struct pki_ca p256 = pki_make_ca("ECDSA CA", "ECP-256", 1, NULL);
    write_anchor(p256.x509);
    write_crls(pki_crl(&p256, -20, 20, 0), NULL);
    assert_int_equal(judge(&request, &p256), KP_OK);
    request.digest = "SHA1";
    assert_int_equal(judge(&request, &p256), KP_E_ALGORITHM);
    pki_ca_done(&p256);
    struct pki_ca short_rsa = pki_make_ca("RSA CA", "RSA1024", 1, NULL);
    write_anchor(short_rsa.x509);
    write_crls(pki_crl(&short_rsa, -20, 20, 0), NULL);
    assert_int_equal(judge(&leaf_request, &short_rsa), KP_E_ALGORITHM);
    pki_ca_done(&short_rsa);
}

/* A house may trust an issuing authority without its root. */
static void an_intermediate_can_be_the_anchor(void **state)
{
    (void)state;
    write_anchor(middle.x509);
    write_crls(pki_crl(&middle, -20, 20, 0), NULL);
    assert_int_equal(judge(&leaf_request, &middle), KP_OK);
    assert_int_equal(judge(&leaf_request, &root),
                     KP_E_CERT_UNTRUSTED); /* its root is not trusted */
    write_crls(pki_crl(&middle, -20, 20, LEAF_SERIAL), NULL);
    assert_int_equal(judge(&leaf_request, &middle), KP_E_CERT_REVOKED);
    write_crls(pki_crl(&root, -20, 20, 0), NULL);
    assert_int_equal(judge(&leaf_request, &middle), KP_E_CRL);
}

static void files_that_cannot_be_used_are_refused_at_the_start(void **state)
{
    (void)state;
    write_crls(pki_crl(&root, -20, INT64_MIN, 0), NULL); /* would never be stale */
    assert_int_equal(open_fails(), KP_E_CRL);
    assert_int_equal(kp_file_write(crl_file, KP_SLICE_LIT("geen lijst"), 0644, &diag), KP_OK);
    assert_int_equal(open_fails(), KP_E_CRL);
    assert_int_equal(kp_file_write(crl_file,
                                   KP_SLICE_LIT("-----BEGIN X509 CRL-----\nAAAA\n"
                                                "-----END X509 CRL-----\n"),
                                   0644, &diag),
                     KP_OK);
    assert_int_equal(open_fails(), KP_E_CRL);
    assert_int_equal(unlink(crl_file), 0);
    assert_int_equal(open_fails(), KP_E_CRL);
    write_crls(pki_crl(&root, -20, 20, 0), NULL);
    X509 *leaf = pki_certificate(&leaf_request, leaf_key, &root);
    write_anchor(leaf); /* not an authority */
    assert_int_equal(open_fails(), KP_E_CERT_UNTRUSTED);
    X509_free(leaf);
    assert_int_equal(kp_file_write(anchors_file, KP_SLICE_EMPTY, 0644, &diag), KP_OK);
    assert_int_equal(open_fails(), KP_E_CERT_UNTRUSTED);
    assert_int_equal(unlink(anchors_file), 0);
    assert_int_equal(open_fails(), KP_E_IO);
}

static void a_changed_list_is_in_force_after_the_refresh(void **state)
{
    (void)state;
    bool changed = true;
    struct kp_trust *trust = open_trust();
    assert_int_equal(judge_at(trust, &leaf_request, &root, 0), KP_OK);
    assert_int_equal(kp_trust_refresh(trust, &changed, &diag), KP_OK);
    assert_false(changed);
    write_crls(pki_crl(&root, -20, 20, LEAF_SERIAL), pki_crl(&middle, -20, 20, 0));
    assert_int_equal(judge_at(trust, &leaf_request, &root, 0), KP_OK); /* not read yet */
    assert_int_equal(kp_trust_refresh(trust, &changed, &diag), KP_OK);
    assert_true(changed);
    assert_int_equal(judge_at(trust, &leaf_request, &root, 0), KP_E_CERT_REVOKED);
    assert_int_equal(kp_trust_refresh(trust, &changed, &diag), KP_OK);
    assert_false(changed);
    /* A broken file is told every time, and the list read last stays in force. */
    assert_int_equal(kp_file_write(crl_file, KP_SLICE_LIT("<html>404</html>"), 0644, &diag), KP_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(kp_trust_refresh(trust, &changed, &diag), KP_E_CRL);
        assert_int_equal(judge_at(trust, &leaf_request, &root, 0), KP_E_CERT_REVOKED);
    }
    assert_int_equal(unlink(crl_file), 0);
    assert_int_equal(kp_trust_refresh(trust, &changed, &diag), KP_E_CRL);
    assert_int_equal(judge_at(trust, &leaf_request, &root, 0), KP_E_CERT_REVOKED);
    write_crls(pki_crl(&root, -20, 20, 0), NULL);
    assert_int_equal(kp_trust_refresh(trust, &changed, &diag), KP_OK);
    assert_true(changed);
    assert_int_equal(judge_at(trust, &leaf_request, &root, 0), KP_OK);
    /* Anchors too. */
    struct pki_ca other = pki_make_ca("Andere CA", "ED25519", 1, NULL);
    write_anchor(other.x509);
    assert_int_equal(kp_trust_refresh(trust, &changed, &diag), KP_OK);
    assert_true(changed);
    assert_int_equal(judge_at(trust, &leaf_request, &root, 0), KP_E_CERT_UNTRUSTED);
    pki_ca_done(&other);
    assert_null(kp_trust_free(trust));
}

/* The lists change while others judge: each judgement is by one whole list or the other. */

struct judging {
    struct kp_trust *trust;
    const struct kp_certificate *certificate;
    unsigned good, revoked, other;
};

static void *judge_often(void *context)
{
    struct judging *judging = context;
    for (int i = 0; i < 200; i++) {
        enum kp_err err =
            kp_trust_check(judging->trust, judging->certificate, NULL, 0, PKI_NOW, NULL);
        judging->good += err == KP_OK ? 1 : 0;
        judging->revoked += err == KP_E_CERT_REVOKED ? 1 : 0;
        judging->other += err != KP_OK && err != KP_E_CERT_REVOKED ? 1 : 0;
    }
    return NULL;
}

static void lists_change_while_others_judge(void **state)
{
    (void)state;
    pthread_t threads[3];
    struct judging judging[3];
    struct kp_trust *trust = open_trust();
    X509 *x509 = pki_certificate(&leaf_request, leaf_key, &root);
    struct kp_slice der = pki_der(x509);
    struct kp_certificate *certificate = NULL;
    assert_int_equal(kp_certificate_parse(der, &certificate, &diag), KP_OK);
    for (size_t i = 0; i < 3; i++) {
        judging[i] = (struct judging){.trust = trust, .certificate = certificate};
        assert_int_equal(pthread_create(&threads[i], NULL, judge_often, &judging[i]), 0);
    }
    for (int i = 0; i < 40; i++) {
        bool changed = false;
        write_crls(pki_crl(&root, -20, 20, i % 2 == 0 ? LEAF_SERIAL : 0), NULL);
        assert_int_equal(kp_trust_refresh(trust, &changed, &diag), KP_OK);
        assert_true(changed);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(judging[i].other, 0);
        assert_int_equal(judging[i].good + judging[i].revoked, 200);
    }
    (void)kp_certificate_free(certificate);
    (void)kp_trust_free(trust);
    pki_der_free(der);
    X509_free(x509);
}

static int make_files(void **state)
{
    (void)state;
    root = pki_make_ca("Proef CA", "ED25519", 1, NULL);
    middle = pki_make_ca("Tussen CA", "ECP-256", MIDDLE_SERIAL, &root);
    write_anchor(root.x509);
    write_crls(pki_crl(&root, -20, 20, 0), pki_crl(&middle, -20, 20, 0));
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    pki_ca_done(&root);
    pki_ca_done(&middle);
    (void)unlink(anchors_file); /* not every test leaves them */
    (void)unlink(crl_file);
    return 0;
}

static int start(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    int size = snprintf(dir, sizeof dir, "%s/kp-trust-XXXXXX", base == NULL ? "/tmp" : base);
    if (size < 0 || (size_t)size >= sizeof dir || mkdtemp(dir) == NULL) {
        return -1;
    }
    (void)snprintf(anchors_file, sizeof anchors_file, "%s/anchors.pem", dir); /* it fits */
    (void)snprintf(crl_file, sizeof crl_file, "%s/crl.pem", dir);
    if (kp_crypto_init(&diag) != KP_OK) {
        return -1;
    }
    leaf_key = pki_key("ED25519");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    EVP_PKEY_free(leaf_key);
    kp_crypto_done();
    return rmdir(dir);
}

int main(void)
{
#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, make_files, remove_files)
    const struct CMUnitTest tests[] = {
        WITH_FILES(a_chain_to_the_anchor_is_believed),
        WITH_FILES(without_its_intermediate_a_chain_is_not_believed),
        WITH_FILES(strangers_are_not_believed),
        WITH_FILES(a_leaf_under_a_leaf_is_not_believed),
        WITH_FILES(the_wrong_usage_is_not_believed),
        WITH_FILES(validity_is_judged_at_the_moment_given),
        WITH_FILES(an_expired_intermediate_is_seen),
        WITH_FILES(a_revoked_leaf_is_seen),
        WITH_FILES(a_revoked_intermediate_is_seen),
        WITH_FILES(of_two_faults_the_gravest_is_told),
        WITH_FILES(a_missing_or_stale_list_fails_closed),
        WITH_FILES(a_list_signed_by_another_is_not_believed),
        WITH_FILES(weak_signatures_in_the_chain_are_refused),
        WITH_FILES(an_intermediate_can_be_the_anchor),
        WITH_FILES(files_that_cannot_be_used_are_refused_at_the_start),
        WITH_FILES(a_changed_list_is_in_force_after_the_refresh),
        WITH_FILES(lists_change_while_others_judge),
    };
    return cmocka_run_group_tests_name("trust", tests, start, stop);
}
