import type { VariableDoc } from './variable.ts'
import { SETTING_DOCS } from './variables.ts'

/** The fields that say which service, where and which process a record is from, in the record's order. */
export const IDENTITY_FIELDS = [
  'service',
  'version',
  'env',
  'region',
  'host',
  'pid',
  'machine_id',
  'worker_id',
] as const

export type IdentityField = (typeof IDENTITY_FIELDS)[number]

/** OpenTelemetry's names of our fields; the older name after the newer. */
export const OTEL_ATTRIBUTES: Readonly<Partial<Record<IdentityField, readonly string[]>>> = {
  service: ['service.name'],
  version: ['service.version'],
  env: ['deployment.environment.name', 'deployment.environment'],
  region: ['cloud.region'],
  host: ['host.name'],
  machine_id: ['host.id'],
}

/**
 * Variables by field; the first that is set wins, so what names the deployment stands before what only comes
 * with the platform. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES are asked before all of them.
 */
export const IDENTITY_VARIABLES: Readonly<Partial<Record<IdentityField, readonly string[]>>> = {
  service: ['SERVICE_NAME', 'DD_SERVICE', 'K_SERVICE'],
  version: ['SERVICE_VERSION', 'DD_VERSION', 'K_REVISION'],
  // NODE_ENV comes last: staging runs with NODE_ENV=production too.
  env: ['DEPLOYMENT_ENV', 'RAILWAY_ENVIRONMENT', 'DD_ENV', 'NODE_ENV'],
  region: [
    'RAILWAY_REGION',
    'RAILWAY_REPLICA_REGION',
    'FLY_REGION',
    'VERCEL_REGION',
    'AWS_REGION',
    'AWS_DEFAULT_REGION',
    'GOOGLE_CLOUD_REGION',
  ],
  host: ['HOSTNAME'],
  machine_id: ['MACHINE_ID'],
  worker_id: ['WORKER_ID', 'NODE_APP_INSTANCE'],
}

const DOCS: Readonly<Record<string, string>> = {
  NODE_APP_INSTANCE: "PM2's number of the process.",
  HOSTNAME:
    'The host; an address or localhost is passed over, since servers read it as the address to bind to.',
}

const DEFAULTS: Readonly<Partial<Record<IdentityField, string>>> = {
  service: "the nearest package.json's name, else unknown_service:node",
  version: "the nearest package.json's version",
  host: "the machine's name",
}

function identityDocs(): VariableDoc[] {
  return Object.entries(IDENTITY_VARIABLES).flatMap(([field, names]) =>
    names
      .filter((name) => name !== 'NODE_ENV')
      .map((name) => ({
        name,
        option: `identity.${field}`,
        accepted: 'a text',
        default: DEFAULTS[field as IdentityField] ?? 'left out',
        doc: DOCS[name] ?? `The \`${field}\` field.`,
      })),
  )
}

const OTEL_DOCS: readonly VariableDoc[] = [
  {
    name: 'OTEL_SERVICE_NAME',
    option: 'identity.service',
    accepted: 'a text',
    default: 'the ones below',
    doc: 'The `service` field; beats every other variable.',
  },
  {
    name: 'OTEL_RESOURCE_ATTRIBUTES',
    option: 'identity',
    accepted: 'key=value pairs separated by commas, percent-encoded; one wrong part discards all',
    default: 'the ones below',
    doc: `Fields by OpenTelemetry's names: ${Object.values(OTEL_ATTRIBUTES).flat().join(', ')}.`,
  },
]

const TRACE_DOCS: readonly VariableDoc[] = [
  {
    name: 'OTEL_TRACES_SAMPLER',
    option: 'none',
    accepted: 'always_on, always_off, traceidratio, and each with parentbased_ before it',
    default: 'parentbased_always_on',
    doc: 'Which of the traces that spoor starts itself are marked as sampled.',
  },
  {
    name: 'OTEL_TRACES_SAMPLER_ARG',
    option: 'none',
    accepted: 'a number from 0 to 1',
    default: '1',
    doc: 'The share that is sampled, for traceidratio.',
  },
  {
    name: 'TRACEPARENT',
    option: 'continueContext(carrier)',
    accepted: 'a W3C traceparent',
    default: 'none',
    doc: 'The trace that a job started by another program goes on with.',
  },
  {
    name: 'TRACESTATE',
    option: 'continueContext(carrier)',
    accepted: 'a W3C tracestate',
    default: 'none',
    doc: 'Goes with TRACEPARENT.',
  },
]

/** Every environment variable that spoor reads, in the order of the docs. */
export function allVariables(): readonly VariableDoc[] {
  return [...SETTING_DOCS, ...OTEL_DOCS, ...identityDocs(), ...TRACE_DOCS]
}
