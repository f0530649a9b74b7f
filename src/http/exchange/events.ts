/** What the HTTP room tells of requests. `route` is the pattern of the route, never the address itself. */
export interface HttpEvents {
  requestStarted(): void;
  requestFinished(method: string, route: string, status: number, seconds: number): void;
  /** A request was answered with an error of this code. */
  requestFailed(route: string, code: string): void;
  /** What came on a connection never was a request, or stopped being one half-way, and was answered with this code. */
  connectionFailed(code: string): void;
}
