/** A node as a manager sees it from afar: it joins with a token and calls with its certificate. For tests. */
import { randomBytes } from 'node:crypto';
import { type ChannelCredentials, type ClientDuplexStream, Metadata } from '@grpc/grpc-js';
import { newCertificateRequest } from '../proto/certificate-request.ts';
import { connectClient, responses, unary } from '../proto/client.ts';
import {
  CaClient,
  type GetRootCertificateResponse,
  IssueCertificateRequest,
  type IssueCertificateResponse,
} from '../proto/generated/gantry/v1/ca.ts';
import { ControlClient, type NodeListResponse } from '../proto/generated/gantry/v1/control.ts';
import {
  DispatcherClient,
  SessionHello,
  type SessionRequest,
  type SessionResponse,
} from '../proto/generated/gantry/v1/dispatcher.ts';
import { NodeDescription } from '../proto/generated/gantry/v1/types.ts';
import { newObjectId } from '../proto/ids.ts';
import { tlsOf } from '../proto/root-certificates.ts';
import {
  managerChannelCredentials,
  type NodeIdentity,
  ownPeer,
  type Peer,
  pinnedChannelCredentials,
  unverifiedChannelCredentials,
} from '../proto/tls.ts';

type ResponseMessage = NonNullable<SessionResponse['message']>;

export class RemoteNode {
  readonly nodeId = newObjectId(randomBytes);
  readonly #port: number;
  identity: NodeIdentity | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  get peer(): Peer | undefined {
    return this.identity && ownPeer(this.identity);
  }

  rootCertificate(): Promise<GetRootCertificateResponse> {
    return this.#call(CaClient, unverifiedChannelCredentials(), (ca) =>
      unary<GetRootCertificateResponse>((done) => ca.getRootCertificate({}, done)),
    );
  }

  /** With a key made for it, unless one is given. */
  async join(token: string, options: { nodeId?: string; request?: { requestPem: string; keyPem: string } } = {}) {
    const { requestPem, keyPem } = options.request ?? (await newCertificateRequest());
    const { certificate: caPem } = await this.rootCertificate();
    const request = { request: requestPem, token, nodeId: options.nodeId ?? this.nodeId };
    const answer = await this.issue(request, pinnedChannelCredentials(caPem));
    this.identity = { caPem: answer.rootCertificate, certPem: answer.certificate, keyPem };
    return answer;
  }

  /** Trusts what a manager says, and gets a certificate of the newest root of it; `identity` is that from then on. */
  async follow(rootCertificates: string): Promise<NodeIdentity> {
    if (this.identity === undefined) throw new Error('the node has not joined');
    this.identity = { ...this.identity, caPem: rootCertificates };
    const { requestPem, keyPem } = await newCertificateRequest();
    const { trustedRoots } = tlsOf(this.identity);
    const answer = await this.issue({ request: requestPem, trustedRoots }, this.credentials);
    this.identity = { caPem: answer.rootCertificate, certPem: answer.certificate, keyPem };
    return this.identity;
  }

  /** Says in a session what it trusts. */
  async describe(nodeId = this.nodeId): Promise<void> {
    if (this.identity === undefined) throw new Error('the node has not joined');
    const session = this.session(nodeId);
    await session.next();
    const value = NodeDescription.fromPartial({ hostname: nodeId, tls: tlsOf(this.identity) });
    await session.next({ $case: 'description', value });
    await session.next({ $case: 'heartbeat', value: {} });
    await session.return();
  }

  async renew(metadata?: Metadata): Promise<Peer> {
    const { requestPem, keyPem } = await newCertificateRequest();
    const answer = await this.issue({ request: requestPem }, this.credentials, metadata);
    return ownPeer({ caPem: answer.rootCertificate, certPem: answer.certificate, keyPem });
  }

  issue(
    request: Partial<IssueCertificateRequest>,
    credentials: ChannelCredentials,
    metadata = new Metadata(),
  ): Promise<IssueCertificateResponse> {
    return this.#call(CaClient, credentials, (ca) =>
      unary<IssueCertificateResponse>((done) =>
        ca.issueCertificate(IssueCertificateRequest.fromPartial(request), metadata, done),
      ),
    );
  }

  get credentials(): ChannelCredentials {
    if (this.identity === undefined) throw new Error('the node has not joined');
    return managerChannelCredentials(this.identity);
  }

  /** One call of Control. */
  nodeList(credentials = this.credentials, metadata = new Metadata()): Promise<NodeListResponse> {
    return this.#call(ControlClient, credentials, (control) =>
      unary<NodeListResponse>((done) => control.nodeList({}, metadata, done)),
    );
  }

  /** A session that says hello as this node, or as another; its messages until the reader stops. */
  async *session(
    nodeId = this.nodeId,
    credentials = this.credentials,
    metadata = new Metadata(),
  ): AsyncGenerator<ResponseMessage, void, SessionRequest['message'] | undefined> {
    const client = connectClient(DispatcherClient, { kind: 'tcp', host: '127.0.0.1', port: this.#port }, credentials);
    try {
      const call = client.session(metadata);
      const value = SessionHello.fromPartial({ nodeId, address: '127.0.0.1' });
      call.write({ message: { $case: 'hello', value } });
      for await (const { message } of responses(call as ClientDuplexStream<never, SessionResponse>)) {
        const answer = message === undefined ? undefined : yield message;
        if (answer !== undefined) call.write({ message: answer });
      }
    } finally {
      client.close();
    }
  }

  /** A tunnel that answers a stream. */
  async tunnel(streamId: string): Promise<void> {
    const address = { kind: 'tcp', host: '127.0.0.1', port: this.#port } as const;
    const client = connectClient(DispatcherClient, address, this.credentials);
    try {
      const call = client.tunnel();
      call.write({ frame: { $case: 'streamId', value: streamId } });
      for await (const _ of responses(call)) return;
    } finally {
      client.close();
    }
  }

  async #call<C extends { close(): void }, Result>(
    Client: Parameters<typeof connectClient<C>>[0],
    credentials: ChannelCredentials,
    action: (client: C) => Promise<Result>,
  ): Promise<Result> {
    const client = connectClient(Client, { kind: 'tcp', host: '127.0.0.1', port: this.#port }, credentials);
    try {
      return await action(client);
    } finally {
      client.close();
    }
  }
}
