/** The keys that issue and docs/redaction.md name, in snake_case. */
export const SECRET_KEYS = [
  ...[
    'password',
    'passwd',
    'pwd',
    'passphrase',
    'passcode',
    'secret',
    'client_secret',
    'token',
    'access_token',
  ],
  ...[
    'refresh_token',
    'id_token',
    'csrf_token',
    'api_key',
    'x_api_key',
    'access_key',
    'secret_key',
    'private_key',
  ],
  ...[
    'signing_key',
    'encryption_key',
    'authorization',
    'proxy_authorization',
    'cookie',
    'set_cookie',
    'session_id',
  ],
  ...[
    'sid',
    'jsessionid',
    'credential',
    'jwt',
    'otp',
    'card_number',
    'credit_card_number',
    'credit_card',
    'cvv',
  ],
  ...['cvc', 'security_code', 'ssn', 'social_security_number', 'db_password', 'user_password', 'bearer'],
]

/** The ways in which people write such a key. */
export function spellings(key: string): string[] {
  const words = key.split('_')
  const capital = words.map((word) => word.charAt(0).toUpperCase() + word.slice(1))
  const camel = words[0] + capital.slice(1).join('')
  return [
    ...[key, key.toUpperCase(), words.join('-'), capital.join('-'), words.join('-').toUpperCase()],
    ...[words.join('.'), words.join(' '), camel, capital.join(''), `the${capital.join('')}`, `${key}s`],
  ]
}
