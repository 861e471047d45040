// A provider of OpenID Connect for the flows, by panva's certified oidc-provider: `provider.mjs PORT CLIENT SECRET REDIRECT_URI`.
// Whoever types a name signs in as it; the consent page is the library's own.
import Provider from 'oidc-provider';

const [port, clientId, clientSecret, redirectUri] = process.argv.slice(2);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: clientId, client_secret: clientSecret, redirect_uris: [redirectUri] }],
  claims: { email: ['email', 'email_verified'], profile: ['preferred_username'] },
  cookies: { keys: ['of this run alone'] },
  findAccount: (_context, sub) => ({
    accountId: sub,
    claims: () => ({ sub, email: `${sub}@example.org`, email_verified: true, preferred_username: sub }),
  }),
  pkce: { required: () => true },
});

provider.listen(Number(port), '127.0.0.1', () => console.log('ready'));
