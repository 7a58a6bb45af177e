/* What the Noise tests share: the vector of spec/host.md 5, identities of every type, randomness from a script. */
#ifndef MINKE_TESTS_UNIT_NOISE_FIXTURE_H
#define MINKE_TESTS_UNIT_NOISE_FIXTURE_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "noise/noise.h"
#include "support/test_env.h"

/* "libp2p-webrtc-noise:" and both certificates' hashes (spec/webrtc-direct.md 8). */
#define PROLOGUE                                                                                                       \
    "6c69627032702d7765627274632d6e6f6973653a"                                                                         \
    "12203e79af40d6059617a0d83b83a52ce73b0c1f37a72c6043ad2969e2351bdca870"                                             \
    "122030fc9f469c207419dfdd0aab5f27a86c973c94e40548db9375cca2e915973b99"

#define KEY_I "080112201ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e"
#define KEY_R "080112206e7a1cdd29b0b78fd13af4c5598feff4ef2a97166e3ca6f2e4fbfccd80505bf1"
#define SIGNATURE_R                                                                                                    \
    "549ade1fdd3a592b5425d9c747d809e5200eeb468ad5ad0944e39a9f01b88c0bb912b7c687376b6ad25baceaf69d5f8cd75be016c04dfc34" \
    "489307f7591dbc01"
#define PAYLOAD_R "0a24" KEY_R "1240" SIGNATURE_R
#define MESSAGE_1 "ce8d3ad1ccb633ec7b70c17814a5c76ecd029685050d344745ba05870e587d59"
#define MESSAGE_2                                                                                                      \
    "ac01b2209e86354fb853237b5de0f4fab13c7fcbf433a61c019369617fecf10bb719b14d19eaf5ca91c89748c5ce8668e6864f05ee236768" \
    "2b3e0c2fd086f0b418c29f6406515f8b9d784fc8b64e4a15a02da3639e59f36f3050dd3b123110a2e3875a3ef6a3e272aadf8ad6651bcc74" \
    "d6268ab453e07a025677e5d579d483276cdc442a43b68693e2ec0c3433819e559c92fb75a350ba79fa390e13945395aaee53cfbcd192686e" \
    "0f4e44a69c9dfc186bc437c9c841853ed8c9a21ef92003b5aaeadd4617384044"
#define MESSAGE_3                                                                                                      \
    "539a5cf3ae8a0a9134b32bfa775a1522db3558a1351ed4101989b8b88aa6a6f0f326c686a771636d2c818e066d98ead54d46bc2ab3b7c359" \
    "826168d18cb22f46e9af3ae57bda0f722b1375e93de0549bb9a4e569affc4d7cc559724b3a604272b38ae31b22df675a2565830159142d0e" \
    "68b8c34dd05e07136edfdee69836e55fa62019025882f76d92468849ddd15b23bbae179fc2043e18a1e80e55c27a099c6cbda6806e1541fa"
#define HASH "7d7be08eeb869e309e0c21880a9a7bb8eb7d3ca86ce007766322317a644af9ff"
#define KEY_I_TO_R "013155fc61857be164b5250358a116758f5d20cf2d867365b23a4e428020d685"
#define KEY_R_TO_I "59b596b4192418d0f86a61c07a944f38a15c30dda5b4659b5500eacd809cd853"
#define PING_SEALED "edc4ffc77504e5c46355486cde3baa2eeec03ca1"

#define PEER_I "12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq"
#define PEER_R "12D3KooWHFd1gyNYFqxt7ke9FY2VoVVWY2XSPhvL9vg2pB6wQGfa"

/* Private keys of libp2p's peer id specification, but the RSA one (made for this test) and the vector's responder. */
static const char private_i[] = "08011240"
                                "7e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d"
                                "1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e";
static const char private_r[] = "08011240"
                                "0505050505050505050505050505050505050505050505050505050505050505"
                                "6e7a1cdd29b0b78fd13af4c5598feff4ef2a97166e3ca6f2e4fbfccd80505bf1";
static const char private_secp256k1[] = "0802122053dadf1d5a164d6b4acdb15e24aa4c5b1d3461bdbd42abedb0a4404d56ced8fb";
static const char private_ecdsa[] =
    "08031279307702010104203e5b1fe9712e6c314942a750bd67485de3c1efe85b1bfb520ae8f9ae3dfa4a4ca00a06082a8648ce3d030107a144"
    "03420004de3d300fa36ae0e8f5d530899d83abab44abf3161f162a4bc901d8e6ecda020e8b6d5f8da30525e71d6851510c098e5c47c646a597"
    "fb4dcec034e9f77c409e62";
static const char private_rsa[] =
    "080012a709308204a30201000282010100d2b973a4d49f328036e0eb74013c2e4df5fa9d7fff1e50d3b39d1b4f301e25475d591ccfc6c547"
    "c8451a8ab293eaf9c4f8d9d4458f3323679cb2bf7b20fbf45adb333ee27e3c0dbd6c1e6c4cf4bb11af2cf664f26e5592581c0263aefc0eaa"
    "6ab7b794e42ec1114be051e6fa38aed45c67d92c216891d9e530f600264e02e6455a107e3b9c830be8d953cba7a0d3cc4683d0624b2d789b"
    "187dd2800b164fd5ded640f195ef77ba45d6d6bf17dac99c3dd14d0685de696bc344f6987a6db972abc45e9cc93751525cc51f1505f6e366"
    "b142990f74aef5b4876ac5dc4dfc0d3bbca588e16d3989f93a506bea207449fec6a55487c0b9df9c599bcd8b1a4a03056702030100010282"
    "010026454d25f601b5bbc87bbff77113fb7ae83e2c65a7315bcf9f12dcf75c4f5548e940ba7557edd374216cc91cd6b579c856c3c5041f16"
    "540b48cfc3ebfa59180f7a390be639b3f170e2168267d598b605011efcc574d970bb34d71040a3018cdcd5e1ef162411a77106dc091d8fb6"
    "dcd5ad7ca941a60abb2e9f5e4637aeba631487b4bbb07dc065f1375ae9dc20f487ce1b15c537e2903ba9d2d04a1945c8c9846250f26127e8"
    "3295f9695163e69d13f247e602484527a6b09a362c06154f53a70b5bdd129980abde852531d11b628f0688a89b97665802e4f504217ae4c3"
    "fa60c4989abadd585cdca82147cf3eb87416439fd564fb10fe28b6f4426d2d4f0aad02818100fcbbb5ec2c0c0ae34e8716b4ff84563a3a3e"
    "098bd159626199596b783839aac58c764dc61785af47c5d4184e6897c83dbfae690259d6116663ec56a20ad0fd81af328ea42f132c0cdf46"
    "ef00b96250b59fba64d847ffe2319824e3c70519ad632bfad17de9bc9457c28b99a1c2b84a3eb24db4554976fa1393a59c10ebf7747d0281"
    "8100d572bc16c18abe86e56bd1abc1130cd116b7ecef53dc3d90332dec181a15059e04ab0fd2c3317df04fe4cab360f213ad91304660e426"
    "025b65a9ed9d35df3e053a7555b3ee288c2b97849ca7101099ba8f3d990725f1760b7321891520b90d0c613063343b973072a5d66c091375"
    "7da081cb94d88ceb13590da6e0851ead7ab302818100d82fc982687b34a513fb4255396cfe4578a4b08dc55a6c69883f914a98eddb4278d0"
    "89deb52849b35f69fa10b82f7dbe344500d65dfa5b8ff651a8199c9f00faf9de895db056fa0b58c2d89709fd2b84f14904126e24585c8c04"
    "a2430ffdd2ef4e239327ddd4ce1ff3ee6e508cbc0fe669a74666de1cc3f6130a4ae1beb742110281806f300c50a2533efa902a0117c244c5"
    "2969f737825821e323e9b523464ed7e28c350c52facc594cac5141f2614cbfed863d9a731ee7d9f0e2616c0a6e19710822bb180223ef8cc9"
    "afaf8711ff68bbed08a4b346b2d58e199acf4789dc2aa69ae876fc38c12dc58d243bc51d9400c1f4461736d07b99b49ee885d7071ff12217"
    "4702818023cfdc3abed5cf04a2a7f96cffd649d10b2d54161484163ed41fcdfed4211a179b3e3d9503c37094908191e001062551e010d67b"
    "5828f2151d5c9a85a96d6d3c4dbef37138f097b21fcf3878268d3c146efe2476922f89efe93909627ca29410766529a5d218aadb49d208c7"
    "02d196c3ecdaf8ccdaef96334a8e345d72a57462";

static inline minke_identity_t *load(const minke_env_t *env, const char *private_key)
{
    uint8_t bytes[MINKE_PRIVATE_KEY_MAX];
    minke_identity_t *identity = NULL;
    if (minke__identity_load(env, bytes, test_unhex(private_key, bytes, sizeof bytes), &identity) != MINKE_OK) abort();
    return identity;
}

/* The n-th key asked for is made of bytes `first` + n: static 01.. and ephemeral 02.. for the vector's initiator, 03..
 * and 04.. for its responder. */
typedef struct script {
    minke_env_t env;
    test_env_t test;
    uint8_t next;
} script_t;

static inline void script_fill(void *user, uint8_t *out, size_t len)
{
    script_t *script = user;
    assert(len == 32);
    memset(out, script->next++, len);
}

static inline void script_init(script_t *script, uint8_t first)
{
    test_env_init(&script->test, 1);
    script->next = first;
    script->env = script->test.env;
    script->env.random = (minke_random_t){script, script_fill};
}

static inline minke_noise_t *with_prologue(const minke_env_t *env, bool initiator, const minke_identity_t *identity)
{
    uint8_t prologue[128];
    const size_t len = test_unhex(PROLOGUE, prologue, sizeof prologue);
    minke_noise_t *noise = minke__noise_new(env, initiator, identity, NULL, prologue, len);
    memset(prologue, 0, sizeof prologue); /* it need not stay */
    return noise;
}

/* One message from one to the other. Returns what reading says; aborts when it cannot be written. */
static inline int pass(minke_noise_t *from, minke_noise_t *to)
{
    uint8_t message[8192];
    const ssize_t len = minke__noise_write(from, message, sizeof message);
    if (len < 0) abort();
    return minke__noise_read(to, message, (size_t)len);
}

#endif
