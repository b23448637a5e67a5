/** The handlers that were defined, by "<name> <path> <method> <route>". */
export const routes = new Map();

export function api(name) {
  return {
    router(path) {
      return {
        get(route, handler) {
          routes.set(`${name} ${path} get ${route}`, handler);
          return this;
        },
      };
    },
  };
}
