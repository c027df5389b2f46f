// SPDX-License-Identifier: Apache-2.0
//
// Keys and certificates for the tests of crypto/: PEM as text, PKCS#12 as base64. Made with
// Python's cryptography, openssl and keytool; none of them is used anywhere else.
#pragma once

#include <string_view>

namespace openunison::crypto::fixtures {

// The key of RFC 7515 appendix A.2, as PKCS#8.
inline constexpr std::string_view kRsaPkcs8 =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh+BYK4uPJtGXO\n"
    "jS1lYmM2K5J9vinh8CR3/BYlzJChNuOL2TSXxbbqY913EeZ8dCn5VrD7io8ImtxL\n"
    "aYk8wTM/U+3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNn\n"
    "juygxmj3AbONv/s4yDQs4v5tJ/reSlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5\n"
    "ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4NmXG9veoKjlnAqH2QbgtPr8jkiGUkf\n"
    "toaHLFcW9Qr4NY2ai50Xw0Byj3+H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHg\n"
    "VFbK5emhAgMBAAECggEAEq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyW\n"
    "PEAeP88vLNO97IjlA7/GQ5sLKMgvfTeXZx9SE+7YwVol2NXOoAJe46sui395IW/G\n"
    "O+pWJ1O0BkTGoVEn2bKVRUCgu+GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzj\n"
    "kn439X0M/V51gfpRLI9JYanrC4D4qAdGcopV/0ZHHzQlBjudU2QvXt4ehNYTCBr6\n"
    "XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl/x/jTj3ccPDVZFD9pIuhLhBOneufuBiB\n"
    "4cS98l2SR/RQyGWSeWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ60imZV1URk0K\n"
    "pLttoLhyt3SmqdEf/kgHePDdtzEafpAu+cS191R2JiuoF2yzWXnwFDcqGigp5BNr\n"
    "0AHQfD8/Lk8l1Mk09jxxCfui5nYooNyac8YFjm3vItzVCVDnEd3BbVWG8qf6deqE\n"
    "lMGAg+C2V0L4oNXnP7LZcPAZRwKBgQC5A8R+CZW2MvRTLLHzwZkUXV866cff7tx6\n"
    "kqa0finGG0KgeqlaZPxgCZnFp7AeAcCMtiynVlJ7vMVgePsLq6XtON4tB5kP9jAP\n"
    "rq3rbAOal78eUH5OcED6eNuCV8ixEu1eWcPNCS/l1OW1EnXUEoEHKl54Xrrz2uNw\n"
    "kgMTP1FZ1wKBgAcCn1dwJKufzBWQxWQp1vsM5fggqPN1qGb5y0MAk3g7/Ls5bkUp\n"
    "5u9SN0Ai3Ya6hNnvWJMb7sXQX6U/zyO2M/hTip7tUeh7CXgwo59dkpN75gJLVds2\n"
    "9+DAncu3KXU4f2Fa+7bLNrur53k8KwPOq2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf/\n"
    "evpitUf+4JYbLpvNXWcY052Mpz22aR84mY3nh3F2LF2mjMJDpTg7FmuyPcVw6EcG\n"
    "yoAe9fa65iNqCq+jdw6PVNGo2hxfjSiZ8IIzHdsPXI89//pMjZcQK9r+CCoRjaZj\n"
    "OYiIDktVWZzmevJuv6WywUqd57LE3Zar3dLSIkx1AoGAIYd7DHOhrWvxkwPQsRM2\n"
    "tOgrjbcrfvtQJipd+DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd/QJQ3\n"
    "ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp/gh6A56\n"
    "03k2+ZQwVK0JKSHuLFkuQ3U=\n"
    "-----END PRIVATE KEY-----\n";

// The same, as PKCS#1.
inline constexpr std::string_view kRsaPkcs1 =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIIEowIBAAKCAQEAofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd/wWJcyQoTbji9k0\n"
    "l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL+yRT+SFd2lZS+pC\n"
    "gNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb/7OMg0LOL+bSf63kpaSHSX\n"
    "ndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD\n"
    "Zlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxXFvUK+DWNmoudF8NAco9/h9iaGNj8\n"
    "q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQIDAQABAoIBABKucaRpzQorw35S\n"
    "bEUAVx8dYXUdZOlJcHtiWQ+dC6V8ljxAHj/PLyzTveyI5QO/xkObCyjIL303l2cf\n"
    "UhPu2MFaJdjVzqACXuOrLot/eSFvxjvqVidTtAZExqFRJ9mylUVAoLvhowVWmC1O\n"
    "n95fZCXxTUtxNEG1Xcc7m0rtzJKs45J+N/V9DP1edYH6USyPSWGp6wuA+KgHRnKK\n"
    "Vf9GRx80JQY7nVNkL17eHoTWEwga+lwi0FEoW9Y7lDtWXYmKBWhUE+U8PGxlJf8f\n"
    "40493HDw1WRQ/aSLoS4QTp3rn7gYgeHEvfJdkkf0UMhlknlo53M09EFPdadQ4TlU\n"
    "bjqKc50CgYEA4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH/5IB3jw3bcxGn6QLvnE\n"
    "tfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw/Py5PJdTJNPY8cQn7ouZ2KKDcmnPG\n"
    "BY5t7yLc1QlQ5xHdwW1VhvKn+nXqhJTBgIPgtldC+KDV5z+y2XDwGUcCgYEAuQPE\n"
    "fgmVtjL0Uyyx88GZFF1fOunH3+7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYs\n"
    "p1ZSe7zFYHj7C6ul7TjeLQeZD/YwD66t62wDmpe/HlB+TnBA+njbglfIsRLtXlnD\n"
    "zQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdcCgYAHAp9XcCSrn8wVkMVkKdb7\n"
    "DOX4IKjzdahm+ctDAJN4O/y7OW5FKebvUjdAIt2GuoTZ71iTG+7F0F+lP88jtjP4\n"
    "U4qe7VHoewl4MKOfXZKTe+YCS1XbNvfgwJ3Ltyl1OH9hWvu2yza7q+d5PCsDzqtm\n"
    "27kxuvULVeya+TEdAB1ijQKBgQCH/3r6YrVH/uCWGy6bzV1nGNOdjKc9tmkfOJmN\n"
    "54dxdixdpozCQ6U4OxZrsj3FcOhHBsqAHvX2uuYjagqvo3cOj1TRqNocX40omfCC\n"
    "Mx3bD1yPPf/6TI2XECva/ggqEY2mYzmIiA5LVVmc5nrybr+lssFKneeyxN2Wq93S\n"
    "0iJMdQKBgCGHewxzoa1r8ZMD0LETNrToK423K377UCYqXfg5XMclbrjPbEC3YI1Z\n"
    "NqMtuhdBJqUnBi6tjKMF+34Xf0CUN8ncuXGO2CAYvO8PdyCixHX52ybaDjy1FtCE\n"
    "6yUXjoKNXKvUm7MWGsAYH6f4IegOetN5NvmUMFStCSkh7ixZLkN1\n"
    "-----END RSA PRIVATE KEY-----\n";

// The same, encrypted with "correct horse".
inline constexpr std::string_view kRsaEncrypted =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIIFNTBfBgkqhkiG9w0BBQ0wUjAxBgkqhkiG9w0BBQwwJAQQEildggjW3hW9ssz+\n"
    "Lyj/1wICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEDCeFknfbJUAs5jZ\n"
    "IT0pW6MEggTQdanWXuczbL1uqmadmCKvplBQgZgzajHxZucfph20JMhsuWEktNw7\n"
    "6ZuaZH6Ld9HTZHtHSootm6IPNG3LOEndRqviuMtOpM5bGEBmrHscY73yiwRb41YX\n"
    "rcKqmikalUJUdP/aUPJ6s5KdjuHUgnvvWTTx2n4fTqmz4HGy7pp6iDodxbxxqLVg\n"
    "rzVeQW+vN/IImj9uRsdFE1p1Ax68pZuDxbdfm/rq5cNjvV4GXsVPCwB0Mal9nM3d\n"
    "ufRDIATWiHiCQZUYvtf44tUr/dIJcugCF6b17MYXGJERJRXQTuUU1l/H2LGrth7Y\n"
    "thc61CquMqnfS5B7Sj5cOGGI5xf+glTVo4sH+KvnWrlCAfZHoUJtZW9jI2fShP6l\n"
    "XBJNcLUbrWKLjxU3ZpM5lG4dDGXbEjfQTi7EyEOvfarGItdybfpT3jBAOzVsFx/f\n"
    "LHY2SskAzK8sSsgHirnBqHQprJsH7MZChMsYQNVdPeZx7+IxYCQrb1PlHdd/FayK\n"
    "m2LkF/p3rEkKsn0DEAtu/Raz/ucmKMXaaugdhth0Dpv0y9RQr+tlKWZe38BgGMfq\n"
    "i4+Rq8QNAKildOEKVr7jRnXWSlfBMwLRo7lUc0bwrowYcqT7BXVJnBcNmXsSD44i\n"
    "KEiaYjpyixTwNMWTs+uZ8Z56NhZ06b24+B0BkWYzJ35o33SaRG9zq3LSoY1z7WBz\n"
    "/m/meqqTgUL9W0uHx2H2VIfHJtHQzeQPekB/d+Stvjk2UHVMqH8ekeMUVRk+8Oqf\n"
    "wuO/clU4XzqN+SJtEHSch9nm0weICwFlnuL+t+ZRelmkuVUThRVklRVpZeRvdr/9\n"
    "lAGu8CXAYOWLqtUQaRrTLvga4r716QQglWMGdhzUKUjkm9w1DeGWbwLkdBZWQCRt\n"
    "jb6JTU6LbwlCHzypxLvLQpcHBX6zTecl31P0wGo4NQkRBjj9vDsNFXw4MsOmlKff\n"
    "Zm81tG7f43AQ6mLeSSosSlGCsjId2CqvMSuO58YQdWB40sRksCGokl9ZDmGgD+Sh\n"
    "8cNk8Nd3k5UGHqGgVJi05PCRJbhYTGzGkgzYNww5PUx7i2WA/PnIAhzgNj+wVBFJ\n"
    "lz9uSQGu40jEHtcIxU38eQjxP47342yj/FaVDU1JZ34vXfSI/dmvJnUhrtmHURse\n"
    "Q6j46MtV/8W8QZHM1zfELeK5P2Lzk8cxhLjD6Yyqq5FvIIglbIbA+msaEAzxCBuh\n"
    "CPrcyl5G0hOaCtxiXFPoeQ1XPeiB8ox4Fmf5xQzjP+5k/ehyYV67RTmY4Txgrm2E\n"
    "PR+SYYNFNQwEZbPkX3ZxSQal2uMVBpAwZIBqPOiZRi6c92+2TnUSI39bg8dCTDVD\n"
    "Wcbv+cz1/4dqjbuuSShghzcGzkbMZaX4M++ur5Iyk4/JVPlS/20uqXTLVZuk4CnJ\n"
    "E0FKPE48nOulAVFeltPsE6j/atGG39Hy0bmuJvkZSQna4NIN8jiT850VeUSHlwnw\n"
    "K0DZeBMExF+ju2UKU9Ks6NICPHp56Ep7krgizw2okmMAm6scgQN3axChhzUs8WEH\n"
    "m0ODK50VSmYgZlvvoQ0iURndLFMS01OKSV864k2rhjPZQ3WG4pW6wnYEX251fJKR\n"
    "jRY5v55NKoa0KM16XUceSmgNwMQA9mgCvrmT9UV5NPKH0eZb62bdPoc=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

inline constexpr std::string_view kRsaPublic =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAofgWCuLjybRlzo0tZWJj\n"
    "NiuSfb4p4fAkd/wWJcyQoTbji9k0l8W26mPddxHmfHQp+Vaw+4qPCJrcS2mJPMEz\n"
    "P1Pt0Bm4d4QlL+yRT+SFd2lZS+pCgNMsD1W/YpRPEwOWvG6b32690r2jZ47soMZo\n"
    "9wGzjb/7OMg0LOL+bSf63kpaSHSXndS5z5rexMdbBYUsLA9e+KXBdQOS+UTo7WTB\n"
    "EMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6/I5IhlJH7aGhyxX\n"
    "FvUK+DWNmoudF8NAco9/h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXp\n"
    "oQIDAQAB\n"
    "-----END PUBLIC KEY-----\n";

// The key of RFC 7515 appendix A.3, as PKCS#8.
inline constexpr std::string_view kP256Pkcs8 =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n"
    "H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp\n"
    "7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt\n"
    "-----END PRIVATE KEY-----\n";

// The same, as SEC1.
inline constexpr std::string_view kP256Sec1 =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49\n"
    "AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b\n"
    "focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
    "-----END EC PRIVATE KEY-----\n";

// A.3's private number with another key's point.
inline constexpr std::string_view kP256Mismatched =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff\n"
    "H1136cspYG6+0iY7X1fCE9+E9LKhRANCAASY3vY0vv1HrZb/Pf8ZnVPYZHeCVu3g\n"
    "fbVBhjEUT5Xqvs7RCacjIkDMrnteuYxYBndENPcvKkHsVq5OSybiK9C+\n"
    "-----END PRIVATE KEY-----\n";

// A.2's key with one bit of q and one of d turned.
inline constexpr std::string_view kRsaMismatched =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh+BYK4uPJtGXO\n"
    "jS1lYmM2K5J9vinh8CR3/BYlzJChNuOL2TSXxbbqY913EeZ8dCn5VrD7io8ImtxL\n"
    "aYk8wTM/U+3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNn\n"
    "juygxmj3AbONv/s4yDQs4v5tJ/reSlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5\n"
    "ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4NmXG9veoKjlnAqH2QbgtPr8jkiGUkf\n"
    "toaHLFcW9Qr4NY2ai50Xw0Byj3+H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHg\n"
    "VFbK5emhAgMBAAECggEAEq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyW\n"
    "PEAeP88vLNO97IjlA7/GQ5sLKMgvfTeXZx9SE+7YwVol2NXOoAJe46sui395IW/G\n"
    "O+pWJ1O0BkTGoVEn2bKVRUCgu+GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzj\n"
    "kn439X0M/V51gfpRLI9JYanrC4D4qAdGcopV/0ZHHzQlBjudU2QvXt4ehNYTCBr6\n"
    "XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUh/x/jTj3ccPDVZFD9pIuhLhBOneufuBiB\n"
    "4cS98l2SR/RQyGWSeWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ60imZV1URk0K\n"
    "pLttoLhyt3SmqdEf/kgHePDdtzEafpAu+cS191R2JiuoF2yzWXnwFDcqGigp5BNr\n"
    "0AHQfD8/Lk8l1Mk09jxxCfui5nYooNyac8YFjm3vItzVCVDnEd3BbVWG8qf6deqE\n"
    "lMGAg+C2V0L4oNXnP7LZcPAZRwKBgQC5A8R+CZW2MvRTLLHzwZkUXV866cff7tx6\n"
    "kqa0finGG0KgeqlaZPxgCZnFp7AeAcCMtiynVlJ7vMVgePsLq6XtON4tB5kP9jAP\n"
    "rq3rbAOal78eUH5OcED6eNuCV8ixEu1eWcPNDS/l1OW1EnXUEoEHKl54Xrrz2uNw\n"
    "kgMTP1FZ1wKBgAcCn1dwJKufzBWQxWQp1vsM5fggqPN1qGb5y0MAk3g7/Ls5bkUp\n"
    "5u9SN0Ai3Ya6hNnvWJMb7sXQX6U/zyO2M/hTip7tUeh7CXgwo59dkpN75gJLVds2\n"
    "9+DAncu3KXU4f2Fa+7bLNrur53k8KwPOq2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf/\n"
    "evpitUf+4JYbLpvNXWcY052Mpz22aR84mY3nh3F2LF2mjMJDpTg7FmuyPcVw6EcG\n"
    "yoAe9fa65iNqCq+jdw6PVNGo2hxfjSiZ8IIzHdsPXI89//pMjZcQK9r+CCoRjaZj\n"
    "OYiIDktVWZzmevJuv6WywUqd57LE3Zar3dLSIkx1AoGAIYd7DHOhrWvxkwPQsRM2\n"
    "tOgrjbcrfvtQJipd+DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd/QJQ3\n"
    "ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp/gh6A56\n"
    "03k2+ZQwVK0JKSHuLFkuQ3U=\n"
    "-----END PRIVATE KEY-----\n";

inline constexpr std::string_view kRsa1024 =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIICdQIBADANBgkqhkiG9w0BAQEFAASCAl8wggJbAgEAAoGBAPC4Rqm8sPLpAmkE\n"
    "YjP3PZxIDjoaFPjR62qRLLRcFb5yZ4QYLWaijSuBNbiMNNXpqCQK7To+zFJUOS13\n"
    "TeB/M7L3y9xqXyipt3wpmJ+PJSItDpHgC18OrKxLKIqbl3O/v8quF+zBgkHASOkK\n"
    "KeW93ML8M1XL7QcmYJ5PbEGqxTnZAgMBAAECgYBLLRGMYsxUICbLiz3sArOwAeTH\n"
    "imuwRUajElGGxhdYUbw4SaCsI+m4g3K2frrlb0I+d1cc0I3YzErLAy5EBRWsnJZO\n"
    "uH/0TSNLsIPmkC82yGvc9XYAEN4CrQBDyKQtf8zMKGZ0LjYlN+u7+PZelF1hIKzc\n"
    "fN9yrh8c98uZofAGgQJBAP15nd72AqioMiUtiaD0pfjg9/Qlyrk+CHZhQrKBM70h\n"
    "vGKurYmwRleKOdeJGpJuXhP3oqBHz5+A+9yLLjQuHTECQQDzHiHkK8/fkYlVtmhR\n"
    "tJHFpl+HxXCgDbi+ikHiAgXfpDkIH44vUsIo1HMTbdRakvx6Sd6NJUQqTg20mfAi\n"
    "VB0pAkBcDOaAKecdSLetOLRad34uu8RQLclJLHX2R6vpF3KqpK29SKJM9m8VK2WG\n"
    "GIxF0T7pEW1Ft852pmjQ1tqYqIaBAkA0AGP7bCughH69qLCTmW38uuOAJQk8EvNL\n"
    "PkNtVkVvWq8gP6+oC6mgFiEvLLTZUstSVO6XfjsgWWWxFaQ5k4hRAkBaB2s8iB+h\n"
    "TDvrgiYITUqEGRtTSf03J3EhUmDvQn1M6rNQOE5MXgV8rCPUoreBZ6Iyx9Wcm0EC\n"
    "4auBGvfVVcye\n"
    "-----END PRIVATE KEY-----\n";

inline constexpr std::string_view kEd25519 =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIAT93QyPhRDb4kgX+CNpBfvgwZsE0Inw6aR8XjXHh7zu\n"
    "-----END PRIVATE KEY-----\n";

inline constexpr std::string_view kSecp256k1 =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgsKFiJUBzflxXRDr10HGm\n"
    "ABh1V0TIo7xH+QPLAMStjzShRANCAASJAFrRjAEcIO599STRkVXx8cBPh/IHdK82\n"
    "6yq1RJy2UWCc5rHlSyyHJ+iUb5ntMOaRo8V53xTeVQrJYItSerK1\n"
    "-----END PRIVATE KEY-----\n";

// A.3's key with the curve's parameters spelt out instead of named.
inline constexpr std::string_view kP256Explicit =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "MIIBaAIBAQQgjpsQnnGQmL+YBIffH1136cspYG6+0iY7X1fCE9+E9LKggfowgfcC\n"
    "AQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAAAAAAAAAAAAAA////////////////\n"
    "MFsEIP////8AAAABAAAAAAAAAAAAAAAA///////////////8BCBaxjXYqjqT57Pr\n"
    "vVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSdNgiG5wSTamZ44ROdJreBn36QBEEE\n"
    "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54W\n"
    "K84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA//////////+85vqtpxeehPO5ysL8\n"
    "YyVRAgEBoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTN\n"
    "G72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
    "-----END EC PRIVATE KEY-----\n";

inline constexpr std::string_view kP256ExplicitPublic =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA\n"
    "AAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////\n"
    "///////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd\n"
    "NgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5\n"
    "RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA\n"
    "//////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABH/Nzidw9sRdQYPL7m/bS3tY\n"
    "BzM1e+nvE7rPbjx70VRFx/FEzRu9m36HLN/tue659LNpXW6pCyStikYjKIWI5a0=\n"
    "-----END PUBLIC KEY-----\n";

// O="Exämple, Inc.", CN=Demo CA; the key of A.3.
inline constexpr std::string_view kCaCertificate =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBWzCCAQCgAwIBAgIBTTAKBggqhkjOPQQDAjArMRcwFQYDVQQKDA5FeMOkbXBs\n"
    "ZSwgSW5jLjEQMA4GA1UEAwwHRGVtbyBDQTAgFw0yNjAxMDIwMzA0MDVaGA8yMDUx\n"
    "MDYwNzA4MDkxMFowKzEXMBUGA1UECgwORXjDpG1wbGUsIEluYy4xEDAOBgNVBAMM\n"
    "B0RlbW8gQ0EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR/zc4ncPbEXUGDy+5v\n"
    "20t7WAczNXvp7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiF\n"
    "iOWtoxMwETAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQD0UJnC\n"
    "HJ/hMwBUJAL0IweHMi0AqCs35TAYRn3Hg40pHwIhAOb8LfCkamNryxnhSH7p/VsN\n"
    "B9QQ3hmYGpUOSQDZ8h+5\n"
    "-----END CERTIFICATE-----\n";

// CN=portal, two DNS names, an IPv4 and an IPv6 address, a mail address.
inline constexpr std::string_view kLeafCertificate =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBljCCAT2gAwIBAgIBTTAKBggqhkjOPQQDAjArMRcwFQYDVQQKDA5FeMOkbXBs\n"
    "ZSwgSW5jLjEQMA4GA1UEAwwHRGVtbyBDQTAgFw0yNjAxMDIwMzA0MDVaGA8yMDUx\n"
    "MDYwNzA4MDkxMFowETEPMA0GA1UEAwwGcG9ydGFsMFkwEwYHKoZIzj0CAQYIKoZI\n"
    "zj0DAQcDQgAEmN72NL79R62W/z3/GZ1T2GR3glbt4H21QYYxFE+V6r7O0QmnIyJA\n"
    "zK57XrmMWAZ3RDT3LypB7FauTksm4ivQvqNqMGgwDAYDVR0TAQH/BAIwADBYBgNV\n"
    "HREEUTBPghJwb3J0YWwuZXhhbXBsZS5jb22CEiouYXBwcy5leGFtcGxlLmNvbYcE\n"
    "wAACB4cQIAENuAAAAAAAAAAAAAAAAYENYUBleGFtcGxlLmNvbTAKBggqhkjOPQQD\n"
    "AgNHADBEAiA5yWh9KSZb8Jd+tmK9+EWPsYzcHdK4rC8QnKhz8WA5DQIgXTSTZaJF\n"
    "rG/4Qx1UN+k4+B6weqgFxcIZYlxlPE5i0QM=\n"
    "-----END CERTIFICATE-----\n";

// Addresses of five bytes and of none; DNS names with NUL, escape sequence and backslash, and
// empty.
inline constexpr std::string_view kOddNamesCertificate =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBVjCB/aADAgECAgFNMAoGCCqGSM49BAMCMCsxFzAVBgNVBAoMDkV4w6RtcGxl\n"
    "LCBJbmMuMRAwDgYDVQQDDAdEZW1vIENBMCAXDTI2MDEwMjAzMDQwNVoYDzIwNTEw\n"
    "NjA3MDgwOTEwWjARMQ8wDQYDVQQDDAZwb3J0YWwwWTATBgcqhkjOPQIBBggqhkjO\n"
    "PQMBBwNCAASY3vY0vv1HrZb/Pf8ZnVPYZHeCVu3gfbVBhjEUT5Xqvs7RCacjIkDM\n"
    "rnteuYxYBndENPcvKkHsVq5OSybiK9C+oyowKDAmBgNVHREEHzAdhwUBAgMEBYIQ\n"
    "YS5leGFtcGxlABtbMkpcYoIAhwAwCgYIKoZIzj0EAwIDSAAwRQIhAJ145isAmvuF\n"
    "wAQ/FYMHppciOW2stt1PNsCMFP5jBYrgAiBNV6sIALYVCY6sjXvjQjZgglq6uYK9\n"
    "3+1okJ668w9NpA==\n"
    "-----END CERTIFICATE-----\n";

// A subjectAltName that is not well-formed DER.
inline constexpr std::string_view kBadNamesCertificate =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBOzCB4qADAgECAgFNMAoGCCqGSM49BAMCMCsxFzAVBgNVBAoMDkV4w6RtcGxl\n"
    "LCBJbmMuMRAwDgYDVQQDDAdEZW1vIENBMCAXDTI2MDEwMjAzMDQwNVoYDzIwNTEw\n"
    "NjA3MDgwOTEwWjARMQ8wDQYDVQQDDAZwb3J0YWwwWTATBgcqhkjOPQIBBggqhkjO\n"
    "PQMBBwNCAASY3vY0vv1HrZb/Pf8ZnVPYZHeCVu3gfbVBhjEUT5Xqvs7RCacjIkDM\n"
    "rnteuYxYBndENPcvKkHsVq5OSybiK9C+ow8wDTALBgNVHREEBDAFgn8wCgYIKoZI\n"
    "zj0EAwIDSAAwRQIhAKDfDJmkN52D0SzpffIdQL3cUAXZJaEhSBMFEoFdSrmzAiBC\n"
    "E6VoPpz83iuKnv5wf8Xu4ANff/YM/bSf84V3g4Mi5g==\n"
    "-----END CERTIFICATE-----\n";

// notBefore is not a time.
inline constexpr std::string_view kBadTimeCertificate =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBljCCAT2gAwIBAgIBTTAKBggqhkjOPQQDAjArMRcwFQYDVQQKDA5FeMOkbXBs\n"
    "ZSwgSW5jLjEQMA4GA1UEAwwHRGVtbyBDQTAgFw0yNlhYMDIwMzA0MDVaGA8yMDUx\n"
    "MDYwNzA4MDkxMFowETEPMA0GA1UEAwwGcG9ydGFsMFkwEwYHKoZIzj0CAQYIKoZI\n"
    "zj0DAQcDQgAEmN72NL79R62W/z3/GZ1T2GR3glbt4H21QYYxFE+V6r7O0QmnIyJA\n"
    "zK57XrmMWAZ3RDT3LypB7FauTksm4ivQvqNqMGgwDAYDVR0TAQH/BAIwADBYBgNV\n"
    "HREEUTBPghJwb3J0YWwuZXhhbXBsZS5jb22CEiouYXBwcy5leGFtcGxlLmNvbYcE\n"
    "wAACB4cQIAENuAAAAAAAAAAAAAAAAYENYUBleGFtcGxlLmNvbTAKBggqhkjOPQQD\n"
    "AgNHADBEAiA5yWh9KSZb8Jd+tmK9+EWPsYzcHdK4rC8QnKhz8WA5DQIgXTSTZaJF\n"
    "rG/4Qx1UN+k4+B6weqgFxcIZYlxlPE5i0QM=\n"
    "-----END CERTIFICATE-----\n";

inline constexpr std::string_view kCaFingerprint =
    "63:46:0B:D4:30:E4:43:DE:45:43:6D:28:BA:58:24:71:"
    "9D:76:EF:77:9B:15:D0:1A:1C:EF:41:E8:13:79:17:CF";

// The key of A.2 with a certificate, as PKCS#12 in base64; passphrase "correct horse".
inline constexpr std::string_view kPkcs12 =
    "MIIKkgIBAzCCCkgGCSqGSIb3DQEHAaCCCjkEggo1MIIKMTCCBIoGCSqGSIb3DQEHBqCCBHswggR3AgEAMIIEcAYJ"
    "KoZIhvcNAQcBMF8GCSqGSIb3DQEFDTBSMDEGCSqGSIb3DQEFDDAkBBBHD1KhyOjWkk5Q2VOTOvZ4AgJOIDAMBggq"
    "hkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQPKS22LEmgKpoayC0CbaIkYCCBABno9Byn8iT7z2rK8xiTpFK150BGQVF"
    "+53TWJ8Zd9Np7IZzJ96DxXz8+1mUiFBjyvvDSZh0OVV29SD/vvoGpPMXaJAYziwVP4CHiKndxKUnNBN9HTxI8Ugo"
    "LdOuEepXo0EqnKF3SqMWC/0mvohVjayuXslVRNQ6mPZ+E9Cs83ICsNq/vaFUkMponNaAN16VOuB+/QL8IhzjAl8X"
    "xIwMkQnILxH146eCxO+IKUtU56zXwi1DsndHbMes5EPdHgy8jQlNLF1ilQnJVwdb3c4WM6vvbxZuNK6b+Ok6F4Kc"
    "kg5Up3UiN76mYXMCCvIFBsUEy+/SBwOyL+A/12ogtlKKvzapjynUZ60nwwHsn6z8vl+lIQXYQGaf42qKsTBRA5WA"
    "Ah3I/PxOXs0RhNsfULx2RaurnQSetVZEZuuCUKTKuGvhAeSzXxziHQr8OFL4r+v7NwmMRqIYMQcGBaXLlx5c7Yv2"
    "Nh8tGWNf+o10ynUQF9xgLRXjgb57sK588GjP2UE1Hij8aL61gXQmZPaR3xMa8MFcaFNnKFdY0RynK9U8w6cPuxy5"
    "O3PdnAgUNcuswTlnzhhKwIR/SF4tX0Xxo9/2ANBIjbKvcdx0vbP3vk/XOU93T7hC+YCK8Dito00jzwi0Rk+26i2r"
    "CRCoUIhBdBiE294B3RCx6MFC9IvheUT4DqYrHE2FlMIl/BqMLxuNBwq0IwdkGQD/gp+tzT1Ux+drkREEdwtVBxRd"
    "v6kbECfHBrA9+ih+BeKVvr8lqHmS9yI8f9ABSBmt5fhkF0odPU8dvm2yvYsQi8VDQ/fGvcdGtfagzJxKJWAdufbc"
    "zPhHMVAwPaJd3lKcyybAvW1U/9xkFOV8BNqwYUkwMRllHebGYIeWUe6njajXw7/yOyN6BImO6Rb+EszIXJlVEDYy"
    "VC0rvsvZkwKb6nmOBK0w4vNdGpIothMFCyMw1HtDBEI4MHyhT4f3F7LrkfqImlsKg/tOnmyQEj6w6QxXUe9nMQ86"
    "NTFR8cbsz1emm/N6EiFqjbBxds/rfh27nlk0NCAdKpeBNEgLT+etoIOxAiL8jPi2UtDBmaX/vx066muWrS8Tw27R"
    "8xFbwOU9SAGijvNNH8c1qW0mFT1ZaryOTMLRH44edADyo5WWc5HwXx/2cgDfCpc4/1dnc7RqatiG7jDVqnoysTGd"
    "mwPNzr/b1k2/7NV/N9V+CAlH4Isl8WPKrNGFJlUx7ZY0E3cjZ33fED9sjlKRHeFT7aYnWwdPYIJ23gJfyRcGfcig"
    "AqxkoSP+HWdT/6kJ0fSRDJU+sckN3QrWQB1IeGz6Mn89s3+qk6AWAug35Sv8rl4DEhz7/GP6E1YAqODZLHpuspBm"
    "/jA9/Rt/+MkwgLIJMIIFnwYJKoZIhvcNAQcBoIIFkASCBYwwggWIMIIFhAYLKoZIhvcNAQwKAQKgggU5MIIFNTBf"
    "BgkqhkiG9w0BBQ0wUjAxBgkqhkiG9w0BBQwwJAQQwmPavryE5NrzoQ/Nucg4bAICTiAwDAYIKoZIhvcNAgkFADAd"
    "BglghkgBZQMEASoEEEAW/Zr1ibmi5W/50Ib/7uYEggTQxm76IiEo3YYQz9uvwtOegucsxMMRIOOQuCmCD7RoOZ06"
    "da1540uWw4b4QW4HdbwB+C9Vgsz6QgFBWQhh3Gc5dSVq/WuSJPRvamGfeqnG6v+ftxTeOCifWCHGJiS1uOhGzTB4"
    "fdsUOS46LmF9XrzEHQBCVi0v96BiOIsZFtU6nFi41Sxx0Z4AF8WcVFsPrNTz8A3AgT4SBTh1FST3pK+GDR/YQZAY"
    "kDgLFMQlSON1TYIYm9W/rlmYm8dMKvVdeVY/tPkHbncwsWTplzgxnLW+uLyiY9dsIB0y+ZeGV95Wo54bixstprlh"
    "CHO6ReUR6z9Zr/FrFbwtFls15HaFK+42EvpArksFIbyZuYDUaw6gIXyu+M7lrgM1P7xRhsrcGwIcGMElpk/jaWL7"
    "rv6ATFuLwTvsyD6nPZpa+jRZ5h2Ect398vMUlZzIbQqlcpqvzENBhpGEpoZimJVjozoGRplqMmUHQ6z0sxsTBwdY"
    "G+VOFsM1MllfBGd2NZzOBfskGxzV4dg/RH2AuZAUK3otNowQE+R76fXOadYZDrub9e/5TmA1B+AfULLTH+dBbd/Y"
    "uCGRZIJyEB3Udvb/ih5CinOtz1ABCa9ZJOkEGhTLhmsdgrzEQstl9IccFYo5+jTXYUT5fTNGz+Bk24gLn1F++J5a"
    "AahUZRC7/rc+Rnd5nBtCnWBCQRpaZNtAyMIoIBZ+W+tKkjG4C68TrWLdG33cNQ5pBFGwOBwu7ji0Q3PYRg6F/aJ2"
    "N3/CihrswHO6RAV5QfVBi8TAPKHB0LUMIYJE4CN9dHnGXDf5s683N+9cW+k6eyXew6IJP1RYCFjvetCEbMBG3PO3"
    "Jwk7X2lEOFnN5Pz+g0B/XZbQVeN0vWfidRflSuQjJKHsX0f1nsxohHFOdW0Op9jO1b/pWoAAl99A+eeCENWbeIfz"
    "Lnk/UQA6htp7tQPTyfuEx1gzQq/eI1Y3KHmBxjOFa+3M+HO7hgEU8FUxmu1O7Hl9BRoLXO5vb7rh3q1Xt3aj1JSb"
    "DBA+GdpuEukkjIyaIxfvYXhHDM13O1gDJRyC1936BrfPvTFMc8230QAB01nVRAz44iRb7v0fZECmLLwNDkcW/bOK"
    "SH7r7vAzZyFCkE2OcEJ2JjhGf0i7g7aPTi8ZkkT9nU8EMhTj5RAwgpABuTYaNV/jG8VfjAX8Lian1XhMViCGOQLD"
    "etA8gj8TW+eyYngwpaFe+RawPi6rUhScQJdEHsHcoECKXDwQIUfvSmH5D53xdjZ/aps/ELc67rdqGQDScY9AZtkn"
    "xXnCRJxolZMN+dMgsEKmR5OKu7WmGZluXA0+1+saWTsWX0IeFGdo5cXYM9uPmyIa8DFAxDkq6S3/X403SLEgcHvj"
    "Cg8mbU8G0ajZVLPZ5GZSKIox+af/KYiLg2c2M4xv3HCxRIIScCWmQ+JDqKVHyydkPLSyO9Wlxq/s7BQg4ROZVND4"
    "nGpSNG3zMirtZk4XugtxyNI/nKZfqwgEEGXoiCJaOc7mewgndC8Fon00ylY7eRmpWQhRiEg+gWf/KWf8hDDIvUSu"
    "pkyX4sx4PKZ3iGKK7NRy7PAlTG5+nJXCxz0igUFpQzJDpGGRKrX+Mcb5PwAmgdh+5FdzPYaOA36iwlfWkMpsReUw"
    "IpopsRdA+1plEUkxODARBgkqhkiG9w0BCRQxBB4CAGswIwYJKoZIhvcNAQkVMRYEFMD6OTB9JFeVBzPbSFPq49rD"
    "0qPgMEEwMTANBglghkgBZQMEAgEFAAQgvfC6TinJTmkZgNj8YF9lJy8ytZLdOzk7phCcSaLmgO0ECE5xNl5whbce"
    "AgIIAA==";

// As old Java and Windows tools write it: certificate under 40-bit RC2, key under 3DES; passphrase
// "changeit".
inline constexpr std::string_view kPkcs12Legacy =
    "MIIIOQIBAzCCB/8GCSqGSIb3DQEHAaCCB/AEggfsMIIH6DCCAp8GCSqGSIb3DQEHBqCCApAwggKMAgEAMIIChQYJ"
    "KoZIhvcNAQcBMBwGCiqGSIb3DQEMAQYwDgQIjl31P24qUNYCAggAgIICWOAd6pZQeD5Xf/zqjHkxumXsNqvL2cdi"
    "NdnC3SJym27WIbA48F2SSpEUzAwuYasy7xFkf2wYRAWzoCytKW9woLjD+4gipbTkrJqMzNHpT/q7K1Od1jMC45R7"
    "LdeykyoAUY0GQkvLM0QtMypCWXcUhCWZMe7hq79CnSI85gzKgNOw+yr+fXuhiKbACjibRl6m2aRZlC8kpNQx72IA"
    "RqrBQLDzV3TrPau0t4fUBeJTUGn1iXxRKV4OXV2UxwYeD6wwZKdACz0NXQ9ljfWVDkzZvCcQqC4Tk+BWtwQRgGtR"
    "h0gMnEIo4f+GMs9ECzyEMMaX8vX2NrmRBF9urf6WTXph6iH/NSM2ROizVb7Xc7+O2+wOlSyv2HxxBET0pcvW/nTg"
    "BlZWNqfipXzjaaFJSs1Y1xKiJYBBXibnhIdZKncfX2z5gjxdUiZXbiiDc7NNpcx6mMiPaI3r4w0SR24eTBC2CfgH"
    "hEZgCBaCjs9O8dRB3flINAqoCvULlKn67zc9dDtN3NR69hpFbl9oSh2rOrWMXtpAHk1aKj+vf1gFHPaD3MTU9uVb"
    "SaBFDX2asq9IGPXYzSTYn90LRjxNrTcuF9EqyGIUuoTe1iFypQEbJqClDkus6p+TfjDQP+PZ5OvRu0kyagM2FjyE"
    "497cAFlIyx+n7TArm7EwmVohLPpQwrpBnkPKsyP5IMrGpE9lkQ9v8+VWDuldPJT3HAb95C1faQnLAgd8HDafdFqi"
    "E4xZDrx2PXZxQZmju9RnaBrdm2J9sgJkA+hXKMrRTTHECV+ialiMmu3JEbUXY8xrbDCCBUEGCSqGSIb3DQEHAaCC"
    "BTIEggUuMIIFKjCCBSYGCyqGSIb3DQEMCgECoIIE7jCCBOowHAYKKoZIhvcNAQwBAzAOBAgSfcq8v2QLvAICCAAE"
    "ggTIpkdalyrhht0pNZxzOk4wrumjQBWi1PgGwrcaq8Y25cEKCmLAn/ZQdMvT5AcVG/+YiNmvsE6CCugo1llOfFlI"
    "F9iuXMjw7zOM9WTN6v2hi04asBR0YPgz6DrFD1bDeQEmQqSaCFI2aiV1+gKtrUuIFGX8K+9FSKgTFktlFrX+NaNX"
    "jYUvnCvjiNleUCPVyKHTgT1DdciGrg22UKlLGuYDcPsosEv3bdAMJ35v1+7QfqEzbrIPOs3vSQxeA1lJfAT1FV0z"
    "CJemjjpSrPvsqCV/VSwRPN5eF20rZEBi95JtJnIGeayhvVwf4c6c1V5+S2MN1E+3OdMQv24q79oLV3dKciXhLQYa"
    "zIHGMue6VLoKbiBr9NSKe0jKJDOaam3/c0B5DhhrhSYkYeUaZpnF1uahiYA9p7R0ZzC74KuOGE5CZ8qQow6Ai+8f"
    "81P3cjmhQVudSli85L7dFXtWNgc97qpssKoYMVtE5wJhz1QKvPCCkDGeslXRSTbnYDohJuGbVI8ALk5W2a4eerPY"
    "fEf7VPWNZAsDqg/yGijhgZajq+rZ09eVe04ctF/unFl5qxXGTmzo4IbaF40GVhnaVKH3ic6ncr9rDZ0nP3cMTjLs"
    "MABNvLzhZwG++ESAjzzchkztI7IIxBL1q2+1U2et3jVxuEq2MtkdauWFcUEU0h9jBBt7zGErXvEcbISIgg9cjey2"
    "G2EA7Ko88Pl1J/tJh8LxiDV/uJq15TIw5RgUCvUB9ODdgI7hVdpts3ZemBMOs8B/R9xn7vDmgYrDhPCm7+/W+LAk"
    "JIx5MTDebgDlfBDU4cBGDgc6ipENFFjZb9oHDsxngWWcdEUBIPk5Cp4VX6YlINUzRoWnMjUUUP6p7M2Dsu91Ooc1"
    "dzMPcLS7naXuEDHGB05TV3wnWQxHxiOci3vNVu0O2rp/n+R41rqLXJbXUjLmrKiQ0mGjIToNlg7asSyRuv0q/4mv"
    "Qutrc+8I+L+qi8JJqKum23bMwuxKLmD1bYBbeF2KiPSF7nVFPNzeYmJ3JB67j91hA24kdfVBpswNZP3UJe2nXh8z"
    "8zhgq2FBKLlyIN6AYp1fOwt/mNukN203oNsmk7w7nsgiP14juCWITThdcOXSRoJL6Kkozybg6EWPOKwr6dOIa+GA"
    "BnTPnE3GhNFf+1yQLW+85VrnL102IFpUNtWezesAdyeLvk1XsScqigGz7Gboviyjtd2uFxN7nRCZypj9O+Z8FYWC"
    "2dSYkh05HNuOywYOXSMC1L/GRUG3oDwFYfaz1d8FdIQg0uccfMR8k0UeE07gpxqGXAIf+K6vmN9+3HRvoO89I72w"
    "wIMVXNEA2mQm2YB2c02XydemQpnhWlTTvB8b0Kghjase3v0RCjzgie2WVX/0MCr/AVHG34r5ULJpE88S8DUMhwvL"
    "CTCqn0xRXTYlarXHbFIg+gPet4CpGybSV7GbepF6lPHRn5D7IJ7Ji0l/iXFAotATUwzxwDlPfW423x4cwUg1/xVv"
    "mldWtSLuxIGLt1TWxY4vCBPWYVX1J3/L7qikwXB4kTupotKFB1GWQ0Wbb9S61QM65ZU040dYck9A9ELc1HqhTNau"
    "2bSZfYksMvpZ5//qwguzybVS18FJ48Ky0FnblEjgnmzycXJlvHQGMSUwIwYJKoZIhvcNAQkVMRYEFMD6OTB9JFeV"
    "BzPbSFPq49rD0qPgMDEwITAJBgUrDgMCGgUABBTeLvOkNEb3FaSQURW6AnkXxs5cRgQIDnI2NSB/A2cCAggA";

inline constexpr std::string_view kPkcs12EmptyPassphrase =
    "MIIIzwIBAzCCCIUGCSqGSIb3DQEHAaCCCHYEgghyMIIIbjCCAuIGCSqGSIb3DQEHBqCCAtMwggLPAgEAMIICyAYJ"
    "KoZIhvcNAQcBMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAj+SD6nEupFPgICCAAwDAYIKoZIhvcNAgkF"
    "ADAdBglghkgBZQMEASoEEMejTGBKcPV43dtXLlhw9pOAggJgdOUDwsmmP8yufvQNfq+N5giRZnycWP/9P40X9VGU"
    "hkZ88ZFo7tQ2c89zNkYu9YON4DukEspI8BWJwOi3QIe5zjRhdJscOv/CBzcBRk26ojJowmpcAxaFQFRBnOZYsOjt"
    "qU2f1vr+eASrCcp1qFObCLYAmZmj3SUCvGqyLhbsFPGFYNIyYlna0YkfXzZO7ilQI0NMuhQ6+UYOVeKcVqR/o+NJ"
    "wq2fBtbKrXtUYJRkmSevDtt1fqYHSPu5yP/BJsUAZHw7pNVH/SD24FJOnEAphSpWeyvZDcmCxQNU4TtbIUnfJf0o"
    "NIGdkCARd3OYO/VRFchyZhlG1FG8jONqVp3AzV5VF80vmxXmpKO4Q3fUmvnNMkIffJ6R8e3o3rX1xL/RnXcVjmPG"
    "swZbQxNc1jn2yLZayNEkT41H5FpAyY03ST+z3T1mgNknS/WpyfocLiiRR0nTu+k+B/E/KFRwtUjqhq8Sh3hoYwl9"
    "MkNq0pSrHHHqXNrB8bMM74eu+JV6Y/ux1XrBX8e54XZCnYaI0RxRrkTqJOxv776f1xWl79E2Ug1+Rm3wKXr4RMWe"
    "y5Hgon8DKvcicWZUiucWD5mDn7kzYnKfW0IT5IFy6Nd9U4TskCLh3TQqZrMYZGseVgrIm9rQtZVyZXE3Aq54Ei8y"
    "/D+lVn86K39fECxdjDu41y9VfTIquHJedJPkkiEWr4l7PRV/pnnevAJhR7klk0Q2OOsQJpcL9fT4e03AbOznzvF+"
    "mBJhxVOH6408SE+K5ieUiv3WkT/cg6PgXLWssebTXsD4Ugf3rNORpgTdlJQcOmBfg/wwggWEBgkqhkiG9w0BBwGg"
    "ggV1BIIFcTCCBW0wggVpBgsqhkiG9w0BDAoBAqCCBTEwggUtMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAc"
    "BAjyY5od8nvu6AICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEITg6KS2nyqrUocOuD9LxUIEggTQ7xTu"
    "AawSrw8c80EQt73jvPrYRiQzBtZ06ujxpz0P9Od3r8Z/ZkszrswkWSkUeMsY4bf0sQ/RBT9NzYbs0slfs6JhjFvN"
    "72U/M1BYFjRsN1yKlBkCfW9+YlvAD62iba2xQDLQAaiqRyx1go7iRctWE+EzEfGY4/3H9ydsvoJYOxVJ1EodP2rZ"
    "8E1rjny/+LuMuB+bFAWFQZ98L3TY4Kh/85wPHRZQn/X+jLfUWIOb0Uq2il4Ppv8PXR7gA+DjORAvdtSTua/GCO39"
    "BWFHAnRYK286vZNxVurcU1puH4LcdNc8fivQVc+hJoCc40VR4AUwjATXzjey3Cq3+/tYVT7nddZDLST3F4JZLEaA"
    "crB3Vy8E8ARB+XTyVX5TLgynfa5lYD82nZrHObDXOGanajWXn6C6N7h+e3wWWnfQgkXmbmzrjzCG2AJbUSer1axE"
    "TGJUB3V04qrWHNkz9PnXAEdRbMmA+8Zete9oW9S4BjjgaejLMVm3ojnmcr2KK/291yES3MflvsuFaRDSKmgYn6ST"
    "z+4Gqywz34AojI6fRYGoFOQdXRu7F7RtqsrudQt6S9gJnUvlx6hFP2g9SusL9zsWv5jRM9eXfIjqhwrZb2Qc2gQ2"
    "a1d+tnB/hs5fzyuVt4hAtKHXMlyVw6Bfbp1V/JxB1WnktbBFNZaOyM/UxulbN/s+d3olbblAXFDBr5yuUfFnLcyy"
    "wJEtPRWjvpz4pYIXvk1QYKeFBm/YzT1weQyR6MJxdonsDAOs1QAQEqj1YkWd3p1hB/gSf7UXfaxtxEjj0dmmQCZU"
    "vDTcCfdp1rl3yGqy7znSUXKPxonu2+zaPSllSqiphp2B/wZPSPvLNq5574/HciOl29xiNUQw1lhQnVWPWNDxdbuW"
    "DUtIf0F/iTF5wX9DLAG+q7jRwYRJLlVB2AxA/ATLycj8lTGL5mWZhRXIJxnJ3U3kTgxRRZmyMtK+epG29GuijdpX"
    "FJkOvgR8806DU6eVLMbp5dEP6a5GonvCNn56kKEMah5fBGCv/SOrqIcVMPh8HBL/xYj2UQpBnSfJOcdH4+qImLGS"
    "UPM0Otn51DC/JC7EI+ZakmJgyMmK1vDYmxwMck6HUWmAxGrBwO6Yp8p3H9T2jzhIlQEMaL9OGasBLNMP6ZP7/ouy"
    "SmphKTklwt1TBaJsDbb4ygtFe4dZA59zg0BtWAr4J16kIU13kLvgQQG0uHRQwbEK5ntdl562/hItrdKXRaZ7/teC"
    "zSM+6V9DL2YiyUL3uzax3poOmTG6tF+oUUlsAsCtxoEaCCDWVwjE87vZV/rW983p7n5WQld8LlYprfqnFip/knvh"
    "UafFcGWcQiENiW3k+jOauQypGkHze1M6gErkyu7x/gFuWDW47WBE/FqJDh8GAZ0cFva4mQQlZP9ytPToqp2ahw/Z"
    "wh7I8VZs+gunb6JkYuYNYGUq9s6ORyC6lt57pmFq72R/r/PoyNXkLkBdyOdZWjA22MDYM8pbF5sKPhCbUjLFgfF7"
    "8Be1Y8UsFa3yGe3I75RmLBadpvlxytwRxI930qELl5BE6+E+pNq+x+hsni/6tDSTmh2xB9ceDjzHKy49qCs3NhEN"
    "wy7oRLR7hUyQA1hY+VmqIKOqiJ3IP8N4wTf0ppK7M1imGfqp1Ns6Y2cxJTAjBgkqhkiG9w0BCRUxFgQUwPo5MH0k"
    "V5UHM9tIU+rj2sPSo+AwQTAxMA0GCWCGSAFlAwQCAQUABCD7hWhXMWe2bUgJAZk2C7Hza0+DiJB9x7rPABt0dByj"
    "dAQIq69kozJwgPgCAggA";

// Only a certificate; passphrase "x".
inline constexpr std::string_view kPkcs12NoKey =
    "MIIDFwIBAzCCAs0GCSqGSIb3DQEHAaCCAr4EggK6MIICtjCCArIGCSqGSIb3DQEHBqCCAqMwggKfAgEAMIICmAYJ"
    "KoZIhvcNAQcBMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAg7B+eGPsn7IgICCAAwDAYIKoZIhvcNAgkF"
    "ADAdBglghkgBZQMEASoEENYHq00RXg6gSyT+TwVuIaaAggIw9xZc/KNiywRJsQrM/PCHBOc2OX4fGNi8d1Ishs7b"
    "6MD78jFXbO6rkCHhOJndyD0vmO3FeEMt2ik1QUxVqORQlxox1c6FE/IhYwUjCqKcVRHuGLN5DZ2ew94bOhHyJTKq"
    "zRk+kLvfy92N3HEvXdNMwaSRc4emmQzsK+zFAniEwN2s9K/tFAJGYV00Jb0DWpVX/BL/hmG7NFXTueAPa4qOFWYE"
    "kbTIy0ivw/iPi54Ce2h4+NqL/y8+Drr7bLt/f2hI+1mnjq352VzvHMPTBCGdHYir6uQCV9nRSWlC5HxXXSbC9BiY"
    "/qY0OEWrTO4s5Ma6K2A2I26g98GQtWUvQ4q6oB5wh3hsy8dJ+8xgp/ESQUo885kmatTLL18GaqQyzTjOmk4ktAJ6"
    "7clBMyaeDScgUx8M3yToukZGE51ujPQEqWdF6dTPsU8M5E9CYjbuBYbxrtzvS87l7kdgci5oWlBIErMGhKp7G13E"
    "ass3rqfoyU9F3TlWxxQL9YCZGjvtD8xEG2K85MWy+hn6jgqKW5xSrsx8KLij+f0htIBW3x+hol2SjzQzAw+pBG5w"
    "N1ufU1xygVQKn6UveRNRIwiSzfi5CjwftEoxzQuBDRxaOYes3x3BOf+3DwbWOx1lWHV3P98cd5pG9QPvbR5kO+fZ"
    "dZvqJv9fEfnZ0EbUAhVShNFJ/0yrzftZ8/d0s3ztZ5WIXgA/gqMvj4stC/DS3SY9PqkCzRLTTNctY42SpcbJ1A4u"
    "IFMwQTAxMA0GCWCGSAFlAwQCAQUABCBD6S0khrYPgcO9QGCOPZyKkopedlP4HcrlvIoS7oJNTQQIy2MVV5h4O5kC"
    "AggA";

inline constexpr std::string_view kPkcs12NoMac =
    "MIIIEAIBAzCCCAkGCSqGSIb3DQEHAaCCB/oEggf2MIIH8jCCAmYGCSqGSIb3DQEHAaCCAlcEggJTMIICTzCCAksG"
    "CyqGSIb3DQEMCgEDoIICEzCCAg8GCiqGSIb3DQEJFgGgggH/BIIB+zCCAfcwggGcoAMCAQICAU0wCgYIKoZIzj0E"
    "AwIwKzEXMBUGA1UECgwORXjDpG1wbGUsIEluYy4xEDAOBgNVBAMMB0RlbW8gQ0EwIBcNMjYwMTAyMDMwNDA1WhgP"
    "MjA1MTA2MDcwODA5MTBaMBExDzANBgNVBAMMBnBvcnRhbDCCASIwDQYJKoZIhvcNAQEBBQADggEPADCCAQoCggEB"
    "AKH4Fgri48m0Zc6NLWViYzYrkn2+KeHwJHf8FiXMkKE244vZNJfFtupj3XcR5nx0KflWsPuKjwia3EtpiTzBMz9T"
    "7dAZuHeEJS/skU/khXdpWUvqQoDTLA9Vv2KUTxMDlrxum99uvdK9o2eO7KDGaPcBs42/+zjINCzi/m0n+t5KWkh0"
    "l53Uuc+a3sTHWwWFLCwPXvilwXUDkvlE6O1kwRDGtkdgmqR4OuucbJrXVTEwUGOLg2Zcb296gqOWcCofZBuC0+vy"
    "OSIZSR+2hocsVxb1Cvg1jZqLnRfDQHKPf4fYmhjY/KtnrYRZDC7PdZM5NjwHA01vYG+eIeBUVsrl6aECAwEAATAK"
    "BggqhkjOPQQDAgNJADBGAiEAjiERK+vGjmrChjYO3+po9iXRYvpghtK4ROt+NCrExegCIQCqsCZL+tJ5r+1eUSmy"
    "k/aY5IwDCmkSM+/NrYMZoF4QWzElMCMGCSqGSIb3DQEJFTEWBBTA+jkwfSRXlQcz20hT6uPaw9Kj4DCCBYQGCSqG"
    "SIb3DQEHAaCCBXUEggVxMIIFbTCCBWkGCyqGSIb3DQEMCgECoIIFMTCCBS0wVwYJKoZIhvcNAQUNMEowKQYJKoZI"
    "hvcNAQUMMBwECBb77OzCJJuYAgIIADAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQCB4fJIAZiPu3AsZyVFUL"
    "WQSCBNAE2qrrhaPNwAJVLNVv97uQqlTGUXw5SSuCnwUjIVKs0cnEQg1fEdZC4yxpX+claY9I0yvG87DotgTu/zcz"
    "XPucnxEA5F0wbUcgdYIEeEOs3qzhCx5JKhMabL05csHnVE4cn7sAA2nfz4l5uMOPlBJH1N1HzPXIzREalPt02ptL"
    "1L5KZPGqx7wx6uzV3Mdnxk/WnQw+1iVbJ1GdbcgmFs1sJYjbYUQibRnXo1at7ATwB6rbfvqljX7imJSwusvdqcWF"
    "RUVnEAJs9Xp5K4qOaXUcqQlwvLFAj/JKwVm1JAvs1/NiQr7d/vQRSIwoL6wKS5mi/9hSCfdZSrCkF6pKJvwUpPw/"
    "cmYFMa9o8eIX4+KG94bQvnFnu4HgEPq5WJd2p2wym6nuwNs75rgX5srIDU7hUM0cYOCEz1oXzkcq/PNQGFEJeI7e"
    "HqG1moEAgVZosnVqM8AmJUGnceCS85x1t5bMpc45A0eJYM1NS1OGn/+14iBzLTWbsw/6Htr1G+NVtGE+m11gWlQI"
    "u4ZstS6ehWb+TtKzQMCxrQ8vecSrvIT0ZqDn4QgpuHv5EFNEHk+kBJb78pPMpUPNqw5+5Z1J3w4XsMNhN5d+COUC"
    "xL2NvT99LuTzLV2NMxONav5YeQ/9Tq0Dabglxw+vImiuJ0WfK/RQMw6311KK+TrquoINsLt+MXpMCd4L7ndn6EOR"
    "CVVKpvri30hohlCj3t9H8oJUjRycJQ5XbSBRVU/hk3Jdr2PRoLwntiB+SJZQvOi9dB3fjL+Bb7UigHXUV0sTYftu"
    "qPvxzlkz0qYawXNmScnEIfVvD1x39dIrYyre8bXi7eDr5lGo7QdotZS5yJwpdSmCmfNhMNOKT9pdG2yP4EIZsDD/"
    "6/H5G1dAuXcrSLLgIM0R99+RVMSxbOg5fTiLo/aY/3DxfzXJXMDH80kLlhtue7OiUKkOz5p+iprD6PnR1YkxJwRb"
    "Y4xMg63HdPRhrNcd5Y9A/m8F+/vsdeGEzWpYEz21m7soeF0WV71J9eovjlSPXEk0dU1T0MtFaWZh30zgbzB3CJOM"
    "a7xuURr+KlGbP7hThOz9QOoAd+caGBSossx6IfdAhAyE9GhWPrn/1Y7QtifQNy/XCSTRqkLKdLxhu1WMaELtmpe/"
    "To0mMS69yMM5V3Q+/SMCS1K0VYr5ogovzQkttl8QqLHPUv4ao0kemp6AF2gN35K4jBROZewhXx/T0UVU3S15z1PQ"
    "4V9l4ETQqHfGbignRtRCJWA81Vr3ta68lAgEc+KjXWCh5tBpW27namrwmkiUHw+JjlQ5I88EgfxTuS8Hly7ziNZg"
    "JkCwdSrn7CY806U1wou069EMUsrKY/ZG+pYUflUQFs3klR0xqULvu3DCtbDDGTj7Vn33ijP+vbEecUBIONGHDUrV"
    "/wC9nDyb6oO49zLBPhGFZUQJ9utFTUYmXzCXpMqwAGx+48L/liqPwKS1f1U2xfJYDpWidZqCRhH30vKD0zJK2mHZ"
    "XjG20f2NTXKpBca1k1nzpUJamlu992h9TJKqRDwr4NOWX0HFnka+B8rMKvd5I/wwPYFnquVqJNTG3KFtRpvzCkn+"
    "fu6tfwv6xgjDxeFfrBSb+dSpdKiRi+TZ6t8ZjvlchLHQTjjjaAqn2yTKHV0nVuz99DElMCMGCSqGSIb3DQEJFTEW"
    "BBTA+jkwfSRXlQcz20hT6uPaw9Kj4A==";

// Two keys in one store, from Java's keytool; passphrase "changeit".
inline constexpr std::string_view kPkcs12TwoKeys =
    "MIIGhwIBAzCCBjEGCSqGSIb3DQEHAaCCBiIEggYeMIIGGjCCAjEGCSqGSIb3DQEHAaCCAiIEggIeMIICGjCCAQkG"
    "CyqGSIb3DQEMCgECoIG9MIG6MGYGCSqGSIb3DQEFDTBZMDgGCSqGSIb3DQEFDDArBBS4XCoPO4DWtOikRltAOrLz"
    "pZo59gICJxACASAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEPHurMkCF5M6N86DkLcetwcEUCyU81RQ9GJ/"
    "8gevgIlLY4+G+A6lPgeBw3INgrwz5oKvStxOH6t3MQP2VFVAL+JYYJcxhMNELUxGcE80m7TFJ4Nc9gCPloBPa3Fh"
    "dytLsWQGMTowFQYJKoZIhvcNAQkUMQgeBgBvAG4AZTAhBgkqhkiG9w0BCRUxFAQSVGltZSAxNzk1NDg5NTg0NjY5"
    "MIIBCQYLKoZIhvcNAQwKAQKggb0wgbowZgYJKoZIhvcNAQUNMFkwOAYJKoZIhvcNAQUMMCsEFJO0IgxU5xCxL0vD"
    "1Ty28Pb1G/xWAgInEAIBIDAMBggqhkiG9w0CCQUAMB0GCWCGSAFlAwQBKgQQg3EiRZ4johxP4UMZ1aAi3QRQlxZ1"
    "Da/JanXE0uqARmHxMby5brMfPUIOBSbW8s1V0AnJs+6ZTvXCJUlXr8b3gxrpCWNLMhiY6414cy0yJG9vSG3CK26e"
    "VRHIhlHmfXpzLGwxOjAVBgkqhkiG9w0BCRQxCB4GAHQAdwBvMCEGCSqGSIb3DQEJFTEUBBJUaW1lIDE3OTU0ODk1"
    "ODUwNjMwggPhBgkqhkiG9w0BBwagggPSMIIDzgIBADCCA8cGCSqGSIb3DQEHATBmBgkqhkiG9w0BBQ0wWTA4Bgkq"
    "hkiG9w0BBQwwKwQUt611Bob0j3Z3KtYZjzzs89twsLUCAicQAgEgMAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUDBAEq"
    "BBA3jHV6rUJpk55tNnwQhJx/gIIDUIwa8DsT/wlWOlE+1lq9VSmOv8QM6unqRuBPpfKDzW1zuk9yUIGwqA/sSD9K"
    "/49Tq6zkVXLlPQS74vYdN5ic7FHrsoNRwjoACNytKncpZpDB044+gT/a5Zg/xSpZIAiZzDw3xr3Mo4wEPtNBP62p"
    "DzCI4JYmMeUrkq/y4MpNFzuPbHTGTqpmdIsJXycbCrBEf+aTb9oXa7lpibye514DV6gquXz23Pir82ucPfC7qjpy"
    "CkHvuXeGTVuFcRY07gOG/7vTqejBn//D6yhdg5YfZiu8u+BANq+mQfxRVSQS94Cg68tRLU54wc81+N9DtnWRQqvD"
    "8qKs3+FW6PH+lWbGmf7eqkd6iZ0FY6hoCqUzvJ+EknhkvpIT60GQKu6vfrgVpaKWOa/eJmVPJJjN19vphyOhvFq4"
    "hBCFRZMR8LKHSoi+9Ft6xFfBerOd0xXeaVg8q3h5H4wXH5GxABOqtfxUgIVJFndJdbXRtER9tx+qF9T8sYQWQAud"
    "DwHPSRWcverciyv+lKDSX0vFsE1VNzOpjn9+ivjG0f9DsKSJgDxYz4ymnW8md5Qzty6SopuApVmrZtVpwM87RcKo"
    "BBUSsZBvgxyLh4yaajH/+ODNm6bZ0/KA57btkXQ3RWc8u+UhQCpNw9poFxLehFaj4m+CkDPdUnHC/wl6i+f9RCfe"
    "YtS7Q+2nkYfu6pCs3rtLRu6A9XpcihdZBdvsgSoAgLtvc43R1fKkkektA6E/gr2kT9gEsPAVnNa+uK7xWiaBP/TN"
    "LeWj/oNnI97dL3wsmjt0O8q2F2qhyfa+dLQ7y6NdcDIiZz7fOzwbrW71tBJL4FoKH6/VGAACyFp9V+DdLfA4NDgX"
    "WusGZhJPAv38DC4kMU1qlc3b9uq5ucMjDIo0KQNHjX62hNBZxfGC8kVgahDlU9ywQVUiEkmoj/SYm+yR6nbr2cvv"
    "+wbsu3Eg2oZCJLckl1fhEzUv47iC4tP4rMKeChsc/h3JL9KcM9a9nnbvvdcNHu/BACfzyMSbQXlRAa8zHTKZY96F"
    "UkohVs2CIS8sWo058E7i8CLw26TOe7VfdPC/hYeDCF3P95p1CwUZVVlomFUVduX84BcImIsnA52oDHull9wKCdFu"
    "kJHlGSJAeZuoydA9ME0wMTANBglghkgBZQMEAgEFAAQgnNgH6qLF1kG6ntIl1/28fUdD3j4l/AWV6WWrlnr/Xm8E"
    "FMHjnMowl8P/nFH2Hzip5C9Io/yIAgInEA==";

}  // namespace openunison::crypto::fixtures
